// The process that is attacked. Its parent, `AttackedServer`, bundles this file, forks it and sends it orders.
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { RealtimeServer } from '../../src/server/index.ts'
import { Meters } from './meters.ts'
import { type Scenario, type ScenarioName, type ScenarioOptions, type Staged, scenarios } from './scenarios.ts'

/** What the parent may ask; every order is answered once. */
export type Order =
  | { readonly type: 'start'; readonly scenario: ScenarioName; readonly options: ScenarioOptions }
  | { readonly type: 'account'; readonly isSettled: boolean }
  | { readonly type: 'reset' }
  | { readonly type: 'publish'; readonly topic: string; readonly text: string; readonly count: number }
  | { readonly type: 'send'; readonly session: string; readonly text: string; readonly count: number }
  | { readonly type: 'close'; readonly drainMs: number }

const meters = new Meters()
let staged: Staged | null = null

process.on('message', ({ id, order }: { readonly id: number; readonly order: Order }) => {
  obey(order).then(
    (result) => process.send?.({ id, result }),
    (error) => process.send?.({ id, error: String(error?.stack ?? error) }),
  )
})

// The parent is gone, and nothing else would end this process.
process.on('disconnect', () => process.exit())

async function obey(order: Order): Promise<unknown> {
  switch (order.type) {
    case 'start':
      return start(order.scenario, order.options)
    case 'account':
      return meters.account(order.isSettled)
    case 'reset':
      return meters.reset()
    case 'publish': {
      // All at once, like an application that does not await them.
      const { count, topic, text } = order
      return (await Promise.all(Array.from({ length: count }, () => realtime().publish(topic, text)))).length
    }
    case 'send': {
      const session = await realtime().session(order.session)
      if (!session) throw new Error('There is no such session.')
      // Each is in the log at once; to wait for them would be to wait for a client that reads (rule 11).
      for (let count = 0; count < order.count; count += 1) session.send(order.text).catch((error) => meters.report(error))
      return order.count
    }
    case 'close':
      return realtime().close({ drainMs: order.drainMs })
    default:
      return order satisfies never
  }
}

function realtime(): RealtimeServer {
  if (!staged?.realtime) throw new Error('There is no RealtimeServer.')
  return staged.realtime
}

async function start(name: ScenarioName, options: ScenarioOptions): Promise<number> {
  const scenario: Scenario = scenarios[name]
  staged = await scenario(options, meters)
  const { http } = staged
  http.on('connection', (socket: Socket) => {
    meters.sockets += 1
    socket.on('close', () => {
      meters.sockets -= 1
    })
  })
  if (!http.listening) http.listen(0, '127.0.0.1')
  if (!http.address()) await once(http, 'listening')
  return (http.address() as AddressInfo).port
}
