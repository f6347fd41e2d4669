import { tailOf } from '../support/store-calls.ts'
import type { Operation } from './operations.ts'
import { type Made, made } from './payloads.ts'
import { topics } from './schedule.ts'
import type { Stage } from './stage.ts'

/** Carries out an operation. */
export function happen(stage: Stage, operation: Operation): void {
  const { clock, network, page, store, lives } = stage
  const { conditions } = network
  switch (operation.type) {
    case 'send':
      page.send(madeFor(stage, 'u', operation))
      return
    case 'request':
      page.request(Array.from({ length: operation.count }, () => stage.nextTag('r')))
      return
    case 'push':
      for (const each of madeFor(stage, 'd', operation)) lives[operation.node]?.push(stage.sessionId, each)
      return
    case 'publish':
      for (const each of madeFor(stage, 't', operation)) lives[operation.node]?.publish(operation.topic, each)
      return
    case 'subscribe':
    case 'unsubscribe':
      lives[operation.node]?.change(stage.sessionId, operation.type, operation.topic)
      return
    case 'kill': {
      const held = network.held()
      held[Math.floor(operation.pick * held.length)]?.break(operation.shareUp, operation.shareDown, operation.notice)
      return
    }
    case 'kill-all':
      for (const each of network.held()) each.break(operation.shareUp, operation.shareDown, operation.notice)
      return
    case 'stall':
      conditions.stalledUntil = Math.max(conditions.stalledUntil, clock.now + operation.forMs)
      return
    case 'line':
      conditions.latencyMs = operation.latencyMs
      conditions.jitterMs = operation.jitterMs
      conditions.bytesPerMs = operation.bytesPerMs
      return
    case 'proxy':
      conditions.proxy = operation.proxy
      return
    case 'ban':
      // A client may give up on a server that offers no transport, so that case is avoided.
      conditions.bans.set(operation.kind, operation.ban === 405 && hasOneTransport(stage) ? 502 : operation.ban)
      if (operation.killsLiving) for (const each of network.held()) if (each.kind === operation.kind) each.break(0, 0, 'both')
      return
    case 'allow':
      conditions.bans.delete(operation.kind)
      return
    case 'outage':
      conditions.outage = operation.how
      if (operation.isToldOffline) page.signal('offline')
      for (const each of network.held()) each.break(0, 0, operation.how === 'refuse' ? 'both' : 'nobody')
      stage.later(operation.forMs, () => {
        conditions.outage = 'none'
        if (operation.isToldOffline) page.signal('online')
      })
      return
    case 'sleep':
      if (page.being.state !== 'awake') return
      page.being.state = 'asleep'
      stage.later(operation.forMs, () => {
        clock.wake(page.being)
        for (const signal of operation.wakesWith) page.signal(signal)
      })
      return
    case 'signal':
      if (page.being.state === 'awake') page.signal(operation.signal)
      return
    case 'clock':
      page.skewMs += operation.byMs
      return
    case 'node-clock': {
      const life = lives[operation.node]
      if (life) life.skewMs += operation.byMs
      return
    }
    case 'grow':
      lives[operation.node]?.grow(operation.sessions, operation.everyMs)
      return
    case 'crash':
      stage.die(operation.node, operation.notice)
      stage.later(operation.forMs, () => stage.begin(operation.node))
      return
    case 'leave':
      void stage.leave(operation.node, operation.drainMs, operation.forMs)
      return
    case 'route':
      stage.route = operation.node
      conditions.gateway = operation.gateway
      return
    case 'trim':
      void trim(stage, operation.topic, operation.share)
      return
    case 'evict':
      // Uses so many other topics that the store evicts this one.
      for (let index = 0; index < 8; index += 1) void tailOf(store.inner.topics, `other ${clock.now} ${index}`)
      return
    case 'forget':
      void store.forget(stage.sessionId)
      return
    case 'rewind':
      // A node that has lost its lease counts as dead: its pinned sessions end here and there.
      stage.up.excuse('leases-lost', clock.now)
      void store.rewind(topics)
      return
    case 'deaf': {
      const life = lives[operation.node]
      if (!life) return
      store.deafen(life.being)
      stage.later(operation.forMs, () => store.hearAgain(life.being))
      return
    }
    case 'store':
      store.trouble = operation
      store.hadTrouble = true
      stage.up.excuse('store-failed', clock.now)
      stage.later(operation.forMs, () => {
        store.trouble = null
      })
      return
    case 'kick':
      stage.kick(operation.node, operation.code, operation.againAfterMs)
      return
    default:
      operation satisfies never
  }
}

async function trim({ store, down, sessionId }: Stage, topic: string, share: number): Promise<void> {
  const { sessions } = store.inner
  if (topic) return store.loseTopic(topic, share)
  const reading = await sessions.readAfter(sessionId, 0, { maxMessages: 10_000, maxBytes: Infinity })
  if (!reading) return
  const through = Math.floor((reading.messages.at(-1)?.offset ?? 0) * share)
  down.lost('', reading.epoch, through)
  return sessions.trim(sessionId, through)
}

function madeFor(stage: Stage, prefix: string, { count, kind, size }: Extract<Operation, { readonly size: number }>): Made[] {
  const { count: sent } = stage.up
  return Array.from({ length: count }, (_, index) => {
    const tag = prefix === 'u' ? `u${sent + index}` : stage.nextTag(prefix)
    return made(tag, kind, size, sent + index)
  })
}

function hasOneTransport({ schedule: { setting } }: Stage): boolean {
  return setting.firstTransport === setting.lastTransport
}
