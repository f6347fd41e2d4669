import { holderRecord } from '../presence/members.ts'
import type { SessionRecord, SessionStore, Versioned } from '../store/ports.ts'
import type { ServerHost } from './host.ts'

/** The node that takes a lease, and looks up those of others. */
interface LeasingNode {
  readonly sessions: SessionStore
  readonly host: ServerHost
  readonly settings: { readonly leaseMs: number }
  readonly isDown: boolean
}

/** This node's lease, as it last wrote it. */
interface OwnLease {
  readonly name: string
  /** Until when the node counts as alive, by the store's clock. */
  readonly until: number
  readonly stored: Versioned
  /** The store's id: a store that was created anew does not hold the lease. */
  readonly store: string | null
}

/** The lease with which a session begins, and whether it is pinned to that node. */
export interface FirstLease {
  readonly lease: SessionRecord['lease']
  readonly isPinned?: true
}

/** Beyond this number dead nodes are forgotten; the next lookup finds them dead again. */
const maxKnown = 1000

/**
 * Tracks which nodes are alive, for the sessions that are pinned to one (rule 20). A node keeps one record in the store for all
 * of them, under a unique name, and renews it before it expires. The first node that finds an expired record removes it, and the
 * removal decides: from then on that node is dead. A node that was late notices the removal, and starts over under another name.
 */
export class NodeLeases {
  readonly #node: LeasingNode
  readonly #begin: (name: string) => () => void
  #own: OwnLease | null = null
  /** The last name that was given up while its lease was held: its renewal may be in progress. */
  #doubted = ''
  #taking: Promise<void> | null = null
  /** Ends what `begin` started for the current name. */
  #endOwn = () => {}
  /** Announcements of this node's record were missed, or it was removed: the store may not hold the lease any more. */
  #isUnsure = false
  /** Until when other nodes count as alive: 0 for a dead one, `Infinity` during a lookup. */
  readonly #others = new Map<string, number>()

  /** @param begin called before the store knows a new name of this node; returns the function that ends its use */
  constructor(node: LeasingNode, begin: (name: string) => () => void) {
    this.#node = node
    this.#begin = begin
  }

  /** The name under which this node may hold sessions now; `null` if it has none. */
  get name(): string | null {
    const own = this.#own
    const { sessions } = this.#node
    return own && own.until > sessions.now() && own.store === sessions.id ? own.name : null
  }

  /** Like `name`; without one, starts taking one for the next call. */
  nameOrTake(): string | null {
    const { name } = this
    if (name === null && !this.#taking) this.#settle().catch((error) => this.#node.host.report(error))
    return name
  }

  /** Until when a node counts as alive; for another node the answer may be too late a time, never too early. */
  untilOf(name: string): number {
    if (name === this.#own?.name) return this.#own.until
    const known = this.#others.get(name)
    if (known === 0 || (known !== undefined && known > this.#node.sessions.now())) return known
    this.#others.set(name, Infinity)
    this.#ask(name)
      .then((until) => this.#learn(name, until))
      .catch((error) => {
        this.#others.delete(name)
        this.#node.host.report(error)
      })
    return Infinity
  }

  /** Resolves with the name of this node, taking a lease if it has none; `null` if the store refuses it. */
  async take(): Promise<string | null> {
    if (this.name === null || this.#isUnsure) await this.#settle()
    return this.name
  }

  /**
   * Another node has taken over a session that this one held under this name: it presumes this node dead, or the store has lost
   * the lease. The name is never used again.
   */
  doubt(name: string): void {
    if (this.#own?.name !== name) return
    this.#doubted = name
    this.release().catch((error) => this.#node.host.report(error))
  }

  /** Renews the lease if it is due. */
  tick(): void {
    const { sessions, settings } = this.#node
    if (!this.#own || (!this.#isUnsure && this.#own.until - sessions.now() > (settings.leaseMs * 2) / 3)) return
    this.#settle().catch((error) => this.#node.host.report(error))
  }

  /** Releases the lease once this node holds no session, so that others need not wait until it expires. */
  async release(): Promise<void> {
    const own = this.#own
    this.stop()
    if (own) await this.#node.sessions.remove(idOf(own.name), own.stored.version)
  }

  stop(): void {
    this.#endOwn()
    this.#endOwn = () => {}
    this.#own = null
  }

  #settle(): Promise<void> {
    this.#taking ??= this.#write().finally(() => {
      this.#taking = null
    })
    return this.#taking
  }

  async #write(): Promise<void> {
    const { sessions, host } = this.#node
    const own = this.#own
    if (own && own.until > sessions.now()) {
      const renewed = await this.#put(own.name, own.stored)
      if (renewed || this.#node.isDown) return
    }
    this.#endOwn()
    this.#own = null
    const name = host.randomId()
    const end = this.#begin(name)
    const watch = sessions.watch(idOf(name), (news) => {
      if (news === null || ('version' in news && news.version === 0)) this.#isUnsure = true
    })
    watch.ready?.catch((error) => host.report(error))
    this.#endOwn = () => {
      end()
      watch.stop()
    }
    await this.#put(name, null)
  }

  /** Writes the lease's record in place of `before`; resolves with whether the lease is held. */
  async #put(name: string, before: Versioned | null): Promise<boolean> {
    const { sessions, settings } = this.#node
    const store = sessions.id
    const until = sessions.now() + settings.leaseMs
    this.#isUnsure = false
    const record = holderRecord(name, { until })
    const version = await sessions.write(idOf(name), record, before, until + settings.leaseMs)
    // No other node writes this record: it was removed, or an earlier write succeeded without an answer.
    const stored = version === null ? await sessions.read(idOf(name)) : { record, version }
    if (this.#node.isDown || !stored || name === this.#doubted) return false
    this.#own = { name, until: untilIn(stored), stored, store: store ?? sessions.id }
    return true
  }

  /** Until when another node is alive, according to the store; removes an expired lease. */
  async #ask(name: string): Promise<number | null> {
    const { sessions } = this.#node
    const stored = await sessions.read(idOf(name))
    if (!stored) return 0
    const until = untilIn(stored)
    if (until > sessions.now()) return until
    return (await sessions.remove(idOf(name), stored.version)) ? 0 : null
  }

  #learn(name: string, until: number | null): void {
    if (this.#others.size > maxKnown) this.#others.clear()
    if (until === null) this.#others.delete(name)
    else this.#others.set(name, until)
  }
}

/** The store's id of the lease's record. No client can have a session of this id. */
function idOf(name: string): string {
  return `node ${name}`
}

/** Only this file writes such records. */
function untilIn({ record }: Versioned): number {
  return (record.data as { readonly until: number }).until
}
