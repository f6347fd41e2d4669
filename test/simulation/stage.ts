import { codes } from '../../src/wire/steadfast-v1.ts'
import { Being, Clock } from './clock.ts'
import { DownLedger } from './down-ledger.ts'
import { calm, Network } from './network.ts'
import { NodeLife } from './node-life.ts'
import type { Schedule } from './operations.ts'
import { Page } from './page.ts'
import type { Random } from './random.ts'
import { RequestLedger } from './request-ledger.ts'
import { SharedStore } from './store.ts'
import { UpLedger } from './up-ledger.ts'
import { Court } from './violation.ts'

/** All parts of a run: the page with its client, two nodes over one store, the network between them, and the ledgers. */
export class Stage {
  readonly schedule: Schedule
  readonly clock = new Clock()
  readonly court = new Court()
  readonly up = new UpLedger(this.court)
  readonly down = new DownLedger(this.court)
  readonly requests = new RequestLedger(this.court)
  readonly network: Network
  readonly page: Page
  readonly store: SharedStore
  /** The nodes; `null` while one is dead. */
  readonly lives: (NodeLife | null)[] = [null, null]
  /** The node that all new connections go to; `null`: either. */
  route: number | null = null
  /** The session id in the client's latest dial. */
  sessionId = ''
  /** Records a line of the trace, if the run is traced. */
  readonly log: (line: () => string) => void
  readonly #being = new Being('world')
  /** The codes with which the server has ended sessions, with the delay until the application connects again. */
  readonly #kicks = new Map<number, number>()
  #lastK = 0
  #births = 0
  #tags = 0
  #isClosing = false

  constructor(schedule: Schedule, note: ((line: string) => void) | null) {
    const { seed, setting } = schedule
    const being = new Being('page')
    this.schedule = schedule
    this.log = note ? (line) => note(`${String(Math.round(this.clock.now)).padStart(7)} ${line()}`) : () => {}
    this.store = new SharedStore(this.clock, seed, setting, this)
    this.network = new Network(this.clock, being, seed, (random) => this.#routed(random), this.log)
    this.page = new Page(this.clock, being, this.network, seed, setting, this, this.log)
    this.page.onFinal = () => this.#connectAgain()
    // A pinned session ends with its node.
    if (setting.isPinned) this.#kicks.set(codes.ended, 1000)
    this.begin(0)
    this.begin(1)
  }

  get record() {
    return this.store.records.get(this.sessionId)
  }

  later(delayMs: number, run: () => void): void {
    this.clock.after(this.#being, delayMs, run)
  }

  nextTag(prefix: string): string {
    this.#tags += 1
    return `${prefix}${this.#tags}`
  }

  /** Starts a node, unless it is running. */
  begin(index: number): void {
    if (this.lives[index]) return
    this.#births += 1
    const { clock, store, network, schedule, log } = this
    const life = new NodeLife(`n${index}-${this.#births}`, {
      clock,
      store,
      network,
      setting: schedule.setting,
      seed: schedule.seed + this.#births * 1000,
      trace: log,
      ledgers: this,
      greeted: (session, k) => {
        // A hello of an earlier dial may arrive late.
        if (k < this.#lastK) return
        this.#lastK = k
        this.sessionId = session
      },
      arrived: (frame) => this.page.opens.arrived(frame),
      nextTag: () => this.nextTag('e'),
    })
    this.lives[index] = life
    this.log(() => `  ${life.name} is up`)
  }

  /** Kills a node. */
  die(index: number, notice: 'page' | 'nobody'): void {
    const life = this.lives[index]
    if (!life) return
    this.log(() => `  ${life.name} is dead`)
    this.lives[index] = null
    life.kill()
    this.store.left(life.being)
    this.up.excuse('crash', this.clock.now, life.name)
    for (const connection of this.network.connections) {
      if (connection.node === index) connection.break(0, connection.random.next(), notice)
    }
  }

  /** Shuts a node down gracefully, and starts it again after a while. */
  async leave(index: number, drainMs: number, forMs: number): Promise<void> {
    const life = this.lives[index]
    await life?.leave(drainMs)
    if (!life || this.lives[index] !== life) return
    this.die(index, 'page')
    this.later(forMs, () => this.begin(index))
  }

  kick(node: number, code: number, againAfterMs: number): void {
    if (!this.#kicks.has(code)) this.#kicks.set(code, againAfterMs)
    this.lives[node]?.kick(this.sessionId, code)
  }

  /** The delay after which the application connects again after this close code; `null` if the server has never sent it. */
  againAfterMs(code: number): number | null {
    return this.#kicks.get(code) ?? null
  }

  /** Restores the network. Half-open connections stay as they are, for the client to detect. */
  heal(): void {
    const { conditions, connections } = this.network
    Object.assign(conditions, calm, { stalledUntil: 0, outage: 'none', proxy: null, gateway: 'none' })
    conditions.bans.clear()
    for (const { up, down } of connections) {
      up.resume()
      down.resume()
    }
    this.route = null
    this.store.trouble = null
    for (const life of this.lives) if (life) this.store.hearAgain(life.being)
    this.begin(0)
    this.begin(1)
    this.clock.wake(this.page.being)
    this.page.lookedAt()
    this.log(() => 'the network is whole')
  }

  close(): Promise<{ readonly unsent: readonly unknown[]; readonly unconfirmed: readonly unknown[] }> {
    this.#isClosing = true
    for (const life of this.lives) life?.shrink()
    this.log(() => 'close()')
    return this.page.client.close()
  }

  #routed(random: Random) {
    const wanted = this.route ?? random.integer(0, 1)
    const life = this.lives[wanted]
    if (life) return { node: wanted, door: life.door }
    const other = this.lives[1 - wanted]
    return other && random.chance(0.5) ? { node: 1 - wanted, door: other.door } : null
  }

  #connectAgain(): void {
    const afterMs = this.againAfterMs(this.page.final?.code ?? 0) ?? Infinity
    if (afterMs === Infinity || this.#isClosing) return
    this.clock.after(this.page.being, afterMs, () => this.page.connectAgain())
  }
}
