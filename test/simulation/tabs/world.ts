import type { ClientHello } from '../../../src/server/delivery/parse-frames.ts'
import { defaultLimits } from '../../../src/server/limits.ts'
import { ServerNode } from '../../../src/server/node/node.ts'
import { tickOf } from '../../../src/server/node/node-context.ts'
import { memoryStore } from '../../../src/server/store/memory/memory-store.ts'
import type { SessionStore } from '../../../src/server/store/ports.ts'
import type { TabMessage } from '../../../src/shared/messages.ts'
import { Being, Clock, drained } from '../clock.ts'
import { NodeDoor } from '../node-door.ts'
import { Random } from '../random.ts'
import { epochMs } from '../store.ts'
import { Timers } from '../timers.ts'
import { Court, type Violation } from '../violation.ts'
import { Browser } from './browser.ts'
import { describeTabs, type TabOperation, type TabSchedule, topics } from './schedule.ts'
import { Tab } from './tab.ts'

/** After the last fault everything has to arrive within this time. */
const recoveryMs = 60_000
/** How soon another tab that is awake must become leader after the leader has died or frozen, in milliseconds. */
const takeoverMs = 2000

export interface TabsOutcome {
  readonly violation: Violation | null
  readonly trace: readonly string[]
  readonly events: number
  readonly handled: number
  readonly received: number
  readonly takeovers: number
}

/** Runs one schedule: tabs over one browser, and a real server node at the other end of their networks. */
export function simulateTabs(schedule: TabSchedule, isTraced = false): Promise<TabsOutcome> {
  return new TabsWorld(schedule, isTraced).run()
}

class TabsWorld {
  readonly #clock = new Clock()
  readonly #court = new Court()
  readonly #trace: string[] = []
  readonly #isTraced: boolean
  readonly #schedule: TabSchedule
  readonly #browser: Browser
  readonly #nodeBeing = new Being('node')
  readonly #node: ServerNode
  readonly #store: SessionStore
  readonly #tabs: Tab[] = []
  /** Every message that a handler has received, with its number. */
  readonly #handled = new Map<string, number>()
  /** The session of the leader, to which the server's messages go. */
  #sessionId = ''
  /** By the epochs of their records. */
  readonly #sessionIds = new Map<string, string>()
  /** The sessions that the server has ended. */
  readonly #ended = new Set<string>()
  #sessions = 0
  /** The session to which each of the server's messages was sent. */
  readonly #pushedTo: string[] = []
  #lastTerm = 0
  #claims = 0
  #leader: Being | null = null
  /** The term under which each tab led last. */
  readonly #terms = new Map<Being, number>()
  /** All dials, by session. */
  readonly #dials = new Map<string, { readonly name: string; readonly term: number; readonly k: number }[]>()
  #mayLoseSession = false
  #published = 0
  /** The sessions of the server's requests without an answer. */
  #asking: string[] = []

  constructor(schedule: TabSchedule, isTraced: boolean) {
    const { seed, channelMs } = schedule
    this.#schedule = schedule
    this.#isTraced = isTraced
    this.#browser = new Browser(this.#clock, new Random(seed, 4))
    this.#browser.channelMs = channelMs
    this.#browser.onPosted = (message, being) => this.#posted(message as TabMessage, being)
    const random = new Random(seed, 6)
    const timers = new Timers(this.#clock, this.#nodeBeing)
    let lastId = 0
    const randomId = () => {
      lastId += 1
      return `id-${lastId}`
    }
    const store = memoryStore({}, { now: () => epochMs + this.#clock.now, randomId })
    this.#store = store.sessions
    this.#node = new ServerNode({
      host: {
        now: () => epochMs + this.#clock.now,
        elapsedMs: () => this.#clock.now,
        after: timers.after,
        random: random.next,
        randomId,
        report: (error) => this.#court.must(false, 'server-reports', () => String((error as Error)?.stack ?? error)),
      },
      ...store,
      settings: {
        heartbeatMs: 5000,
        resumeWindowMs: 120_000,
        leaseMs: 15_000,
        isAuthenticating: false,
        pinSessions: false,
        storeTimeoutMs: 3000,
        limits: defaultLimits,
        tickMs: tickOf(5000, 15_000, 120_000),
      },
      handlers: {
        onSession: ({ id }) => {
          this.#note(() => `a session begins: ${id}`)
          this.#sessions += 1
          this.#store.read(id).then(
            (read) => this.#sessionIds.set(read?.record.epoch ?? '', id),
            () => {},
          )
        },
        onSubscribe: () => true,
        onMessage: (_, message) => this.#handle(String(message.data), message.id.n, message.redelivered),
      },
    })
  }

  async run(): Promise<TabsOutcome> {
    await this.#act()
    this.#node.halt()
    return {
      violation: this.#court.violation,
      trace: this.#trace,
      events: this.#clock.events,
      handled: this.#handled.size,
      takeovers: this.#claims,
      received: this.#tabs.reduce((sum, { received }) => sum + received.length, 0),
    }
  }

  async #act(): Promise<void> {
    this.#open()
    for (const operation of this.#schedule.operations) {
      if (!(await this.#until(operation.at))) return
      this.#note(() => `--- ${describeTabs(operation)}`)
      this.#happen(operation)
      await drained()
    }
    if (!(await this.#until(this.#schedule.endMs))) return
    this.#note(() => '--- all is whole')
    for (const tab of this.#tabs) {
      Object.assign(tab.network.conditions, { stalledUntil: 0, latencyMs: 20, jitterMs: 5 })
      this.#clock.wake(tab.being)
      if (tab.isAway && tab.isLiving) tab.signal({ type: 'pageshow', persisted: true })
    }
    if (!this.#tabs.some(({ isLiving }) => isLiving)) this.#open()
    await this.#until(this.#clock.now + 3000)
    const isOpen = () =>
      !this.#ended.has(this.#sessionId) && this.#tabs.every(({ isLiving, client }) => !isLiving || client.state.status === 'open')
    if (!(await this.#until(this.#clock.now + recoveryMs, isOpen))) return
    const pushed = this.#push(1)
    for (const tab of this.#tabs) if (tab.isLiving) tab.send(1)
    await this.#until(this.#clock.now + recoveryMs, () => this.#missing(pushed) === '')
    this.#court.must(this.#missing(pushed) === '', 'no-recovery', () => this.#missing(pushed))
    if (this.#court.violation) return
    // What is published before a topic is subscribed to is not for the tab.
    const isSubscribed = () =>
      this.#tabs.every(({ isLiving, uses }) => !isLiving || [...uses.values()].every(({ topic }) => topic.state === 'subscribed'))
    await this.#until(this.#clock.now + recoveryMs, isSubscribed)
    this.#court.must(isSubscribed(), 'topics', () => 'a topic is not subscribed to')
    const last = new Map(topics.map((topic) => [topic, this.#publish(topic)]))
    let isEnough = false
    let missing = ''
    await this.#until(this.#clock.now + recoveryMs, () => {
      this.#topicsMissing(last).then(
        (text) => {
          missing = text
          isEnough = !text
        },
        () => {},
      )
      return isEnough
    })
    this.#court.must(isEnough, 'topics', () => missing)
    if (this.#court.violation) return
    await this.#end()
  }

  async #end(): Promise<void> {
    for (const tab of this.#tabs) if (tab.isLiving) await Promise.race([tab.close(), this.#until(this.#clock.now + 8000)])
    if (!(await this.#until(this.#clock.now + 12_000))) return
    for (const { name, timers, listening, being, network } of this.#tabs) {
      if (being.state === 'dead') continue
      const rest = [timers.count, listening, network.held().length]
      this.#court.must(
        rest.every((count) => !count),
        'left-running',
        () => `${name} leaves timers, listeners, connections: ${rest.join(', ')}`,
      )
    }
    this.#court.must(
      this.#node.sessionsHere === 0 || this.#mayLoseSession,
      'session-left',
      () => 'the last tab has closed, and the session goes on',
    )
  }

  #happen(operation: TabOperation): void {
    const { type } = operation
    const living = this.#tabs.filter(({ isLiving }) => isLiving)
    if (type === 'open') {
      if (living.length < 6) this.#open()
      return
    }
    if (type === 'push') {
      this.#push(operation.count)
      return
    }
    if (type === 'publish') {
      this.#publish(operation.topic)
      return
    }
    if (type === 'ask') {
      this.#ask()
      return
    }
    if (type === 'end') {
      this.#endSession()
      return
    }
    const tab = living[Math.floor(operation.pick * living.length)]
    if (!tab) return
    this.#note(() => `${tab.name}: ${type}`)
    switch (type) {
      case 'send':
        if (tab.being.state === 'awake' && !tab.isAway) tab.send(operation.count)
        return
      case 'topic':
        if (tab.being.state === 'awake' && !tab.isAway) tab.toggle(operation.topic)
        return
      case 'crash':
        tab.being.state = 'dead'
        this.#browser.died(tab.being)
        for (const connection of tab.network.held()) connection.break(1, 0, 'server')
        this.#stopped(tab)
        return
      case 'freeze':
        if (tab.being.state !== 'awake') return
        tab.being.state = 'asleep'
        this.#stopped(tab)
        this.#clock.after(this.#nodeBeing, operation.forMs, () => this.#clock.wake(tab.being))
        return
      case 'close':
        if (tab.being.state !== 'awake' || tab.isAway) return
        tab.close().catch((error) => this.#court.must(false, 'close-throws', () => String(error)))
        // A closed leader keeps leading until its messages have settled.
        tab.stoppedAt = this.#clock.now
        this.#isLonely()
        this.#reopenLater(tab, (operation.pick * 1000) % 1)
        return
      case 'hide':
        if (tab.being.state !== 'awake' || tab.isAway) return
        tab.signal({ type: 'pagehide' })
        this.#stopped(tab)
        this.#clock.after(tab.being, operation.forMs, () => {
          if (tab.isLiving && tab.isAway) tab.signal({ type: 'pageshow', persisted: true })
        })
        return
      case 'cut':
        for (const connection of tab.network.held()) connection.break(operation.share, operation.share, operation.notice)
        return
      case 'stall':
        tab.network.conditions.stalledUntil = this.#clock.now + operation.forMs
        return
      default:
        operation satisfies never
    }
  }

  /** Half of the closed tabs are opened again, some of them in the same task. */
  #reopenLater(tab: Tab, lot: number): void {
    if (lot < 0.1) tab.reopen()
    else if (lot < 0.5) this.#clock.after(tab.being, 10_000 * lot ** 3, () => tab.reopen())
  }

  /** A tab stops: if it led, another tab that has not stopped meanwhile must soon become leader. */
  #stopped(tab: Tab): void {
    this.#isLonely()
    tab.stoppedAt = this.#clock.now
    if (tab.being !== this.#leader) return
    const { now } = this.#clock
    const others = this.#tabs.filter((each) => each !== tab && each.isHere && each.opens > 0)
    const term = this.#lastTerm
    this.#clock.after(this.#nodeBeing, takeoverMs + 2 * this.#schedule.channelMs, () => {
      // The tab woke up and froze again meanwhile: the time limit counts from then.
      if (tab.stoppedAt > now) return
      const isThere = others.some((each) => each.isHere && each.stoppedAt < now)
      this.#court.must(
        !isThere || this.#lastTerm > term || tab.isHere,
        'no-takeover',
        () => `${tab.name} stopped at ${now}, and nobody leads`,
      )
    })
  }

  /** If no tab that knows the session is awake, the session may be lost. */
  #isLonely(): void {
    const isAwake = this.#tabs.some(({ isHere, opens }) => isHere && opens > 0)
    if (!isAwake) this.#mayLoseSession = true
  }

  #open(): void {
    const { seed, transport } = this.#schedule
    const { length } = this.#tabs
    this.#tabs.push(
      new Tab(`t${length}`, {
        clock: this.#clock,
        browser: this.#browser,
        court: this.#court,
        seed,
        transport,
        route: () => ({ node: 0, door: this.#door(length) }),
        trace: (line) => this.#note(line),
        pushedTo: (number) => this.#pushedTo[number],
      }),
    )
  }

  #door(index: number): NodeDoor {
    const tab = this.#tabs[index]
    if (!tab) throw new RangeError('There is no such tab.')
    const overhear = (frame: string) => this.#note(() => `  ${tab.name} <- ${frame.slice(0, 90)}`)
    const term = this.#terms.get(tab.being) ?? 0
    const greeted = (greeting: ClientHello) => this.#greeted(greeting, tab.name, term)
    return new NodeDoor(this.#nodeBeing, this.#node, tab.network, 65_536, greeted, overhear, this.#court)
  }

  /** A dial of a later leader has a higher number, since the server takes it for an older one otherwise (rule 5). */
  #greeted({ session, k }: ClientHello, name: string, term: number): void {
    const dials = this.#dials.get(session) ?? []
    this.#dials.set(session, dials)
    // Another request of the same dial, perhaps made under the next term.
    if (dials.some((dial) => dial.name === name && dial.k === k)) return
    for (const earlier of dials)
      this.#court.must(
        earlier.term >= term || earlier.k < k,
        'old-dial',
        () => `dial ${k} of ${name}, term ${term}, after ${earlier.k} of ${earlier.name}, term ${earlier.term}`,
      )
    dials.push({ name, term, k })
  }

  #push(count: number): number {
    const id = this.#sessionId
    for (let index = 0; index < count; index += 1) {
      const number = this.#pushedTo.push(id) - 1
      this.#node
        .session(id)
        .then((session) => session?.send(`d${number}`))
        .catch(() => {})
    }
    return this.#pushedTo.length - 1
  }

  #publish(topic: string): string {
    this.#published += 1
    const data = `p${this.#published}`
    this.#node.publish(topic, data).catch(() => {})
    return data
  }

  #endSession(): void {
    this.#ended.add(this.#sessionId)
    this.#node
      .session(this.#sessionId)
      .then((session) => session?.close(4321, 'enough'))
      .catch(() => {})
  }

  #ask(): void {
    const id = this.#sessionId
    this.#asking.push(id)
    const answered = (text: string) => {
      this.#asking.splice(this.#asking.indexOf(id), 1)
      this.#note(() => `the server is answered: ${text}`)
    }
    this.#node
      .session(id)
      .then((session) => session?.request('who?', { timeoutMs: 600_000 }))
      .then(
        (answer) => answered(String(answer)),
        (error) => answered(String(error)),
      )
  }

  /** The session is subscribed to the topics that living tabs use and to no others, they get all messages, and all requests are answered. */
  async #topicsMissing(last: ReadonlyMap<string, string>): Promise<string> {
    for (const { name, uses, isLiving } of this.#tabs) {
      for (const [topic, use] of isLiving ? uses : [])
        if (use.last !== last.get(topic))
          return `${name} has ${use.last} of ${topic}, not ${last.get(topic)} (${use.topic.state})`
    }
    const living = this.#tabs.filter(({ isLiving }) => isLiving)
    const used = topics.filter((topic) => living.some(({ uses }) => uses.has(topic))).join(', ')
    const read = await this.#store.read(this.#sessionId)
    const subscribed = topics.filter((topic) => read?.record.subscriptions.some((each) => each.topic === topic)).join(', ')
    if (used !== subscribed) return `tabs use ${used}, and the session is subscribed to ${subscribed}`
    const unanswered = this.#asking.filter((id) => id === this.#sessionId)
    return unanswered.length ? `${unanswered.length} requests of the server have no answer` : ''
  }

  #handle(tag: string, n: number, redelivered: boolean): void {
    this.#note(() => `  handled ${tag} (n ${n})`)
    const before = this.#handled.get(tag)
    this.#court.must(before === undefined || redelivered, 'up-twice', () => `${tag} is handled as ${n}, and was as ${before}`)
    this.#handled.set(tag, n)
    const [name = '', index = ''] = tag.split('/')
    const tab = this.#tabs.find((each) => each.name === name)
    for (let earlier = Number(index) - 1; earlier >= 0 && tab; earlier -= 1) {
      const other = tab.sent[earlier] ?? ''
      if (this.#handled.has(other)) break
      this.#court.must(tab.reported.has(other), 'up-order', () => `${tag} is handled, and ${other} was not`)
    }
  }

  /** A tab posts a message: the first claim of a term makes its tab the leader. */
  #posted(message: TabMessage, being: Being): void {
    this.#note(() => `  * ${JSON.stringify(message).slice(0, 400)}`)
    if (message.type === 'frame' && message.term === this.#lastTerm && /^o/.test(String(message.frame)))
      this.#sessionId = this.#sessionIds.get(JSON.parse(String(message.frame).slice(1)).epoch) ?? ''
    if (message.type !== 'claim' || message.term <= this.#lastTerm) return
    this.#lastTerm = message.term
    this.#terms.set(being, message.term)
    this.#leader = being
    this.#claims += 1
  }

  #missing(last: number): string {
    for (const tab of this.#tabs) {
      if (tab.isClosed && tab.being.state !== 'dead') {
        const lost = tab.sent.filter((each) => !this.#handled.has(each) && !tab.reported.has(each))
        if (lost.length) return `${tab.name} has closed, and nobody knows of ${lost.slice(0, 5).join(', ')}`
      }
      if (!tab.isLiving) continue
      const missing = tab.sent.filter((each) => !this.#handled.has(each) && !tab.reported.has(each))
      if (missing.length) return `${missing.slice(0, 5).join(', ')} of ${tab.name} (${tab.client.state.status})`
      if (tab.received.at(-1) !== last) return `${tab.name} has ${tab.received.at(-1)}, not ${last} (${tab.client.state.status})`
      if (tab.flushes > 0) return `flushed() of ${tab.name} has not resolved`
    }
    const living = this.#tabs.filter(({ isLiving }) => isLiving).length
    const held = this.#tabs.reduce((sum, { network, isLiving }) => sum + (isLiving ? network.held().length : 0), 0)
    return living > 1 && this.#schedule.transport === 0 && held !== 1 ? `${living} tabs hold ${held} connections` : ''
  }

  async #until(at: number, isEnough: () => boolean = () => false): Promise<boolean> {
    await drained()
    for (;;) {
      if (this.#court.violation) return false
      if (isEnough()) return true
      if (!this.#clock.step(at)) break
      await drained()
      this.#court.must(this.#clock.events < 200_000, 'busy', () => `${this.#clock.events} events in ${this.#clock.now} ms`)
    }
    this.#clock.now = Math.max(this.#clock.now, at)
    return true
  }

  #note(line: () => string): void {
    if (this.#isTraced) this.#trace.push(`${String(Math.round(this.#clock.now)).padStart(7)} ${line()}`)
  }
}
