import type { EventDetails } from '../api/events.ts'
import type { Host, TabStorage } from '../api/host.ts'
import { within } from '../util/within.ts'
import type { KeptMessage, SessionJournal } from './session-port.ts'
import type { SessionSender } from './session-sender.ts'
import type { SessionState } from './session-state.ts'
import { numberedData, restoreSession, snapshotOf } from './snapshot.ts'
import { isSameSession, lostNumbers, readStored, type StoredSession, storedText } from './stored-session.ts'
import type { Hold } from './tab-hold.ts'

/** How long a dial waits for the lock of its session, in milliseconds: a browser may still be unloading the page before. */
export const lockWithinMs = 1000
/** The same for a session of other tabs, in milliseconds: the tab that has led them may be frozen, and holds its lock. */
const followedLockWithinMs = 200
/** A browser that has not answered for this much longer, in milliseconds, will not answer. */
const answerWithinMs = 500
/** How many numbers are reserved whenever the session is stored, so that the storage is not written for each message. */
const numbersAhead = 64
/** How long a session counts as resumable before the server's first `open`, in milliseconds. */
const presumedWindowMs = 120_000
/** How often in the resume window the session is stored, so that after a crash the stored time is not much too old. */
const storesPerWindow = 4

export interface TabKeeperPort {
  readonly host: Host
  readonly tab: TabStorage
  readonly session: SessionState
  /** Whether messages are stored in addition to the numbers. */
  readonly storesPayloads: boolean
  /** The client's URL. @throws TypeError if it is relative and there is no page */
  url(): URL
  newId(): string
}

/** The sender that has the session's messages. */
export interface TabKeeperSender {
  readonly sender: Pick<SessionSender<unknown>, 'sent' | 'replace' | 'dropNumbered' | 'handOver'>
  note(line: string): void
}

/**
 * Keeps a session in the storage of its tab, so that the page after a reload continues it. The session is stored before anything
 * is sent to the server: after a crash the tab never uses a number twice, and misses nothing that it has acknowledged. One page
 * at a time continues a session: the one with the lock of its id, or without locks the one that has taken it out of the storage.
 */
export class TabKeeper implements SessionJournal {
  readonly #port: TabKeeperPort
  #owner: TabKeeperSender | null = null
  #hold: Hold = { kind: 'new' }
  /** What this page has stored; `null` for nothing. */
  #stored: string | null = null
  #storedAt = 0
  #windowMs = presumedWindowMs
  /** Numbers up to this one may be written before the session is stored again. */
  #reserved = 0
  /** What was restored, until the first `open` reports it. */
  #restored: { readonly lost: readonly number[]; readonly all: number } | null = null
  #hasNoted = false
  #cancelTimer: (() => void) | null = null
  #stopListening: (() => void) | null = null

  constructor(port: TabKeeperPort) {
    this.#port = port
    port.session.journal = this
  }

  attach(owner: TabKeeperSender): void {
    this.#owner = owner
  }

  /** Resolves when it is decided which session this page dials with; `undefined` if it already is. */
  admit(): Promise<void> | undefined {
    const hold = this.#hold
    if (hold.kind === 'asking') return hold.answer
    const { host, session } = this.#port
    if ((hold.kind === 'held' || hold.kind === 'refused') && hold.id === session.id) return undefined
    if (hold.kind === 'held') hold.release()
    this.#stopListening ??= host.listen(({ type }) => {
      if (type === 'pagehide') this.#suspend()
      else if (type === 'hidden' || type === 'freeze') this.#saveAsItGoes(true)
    })
    const answer = Promise.resolve()
      .then(() => this.#admitFrom(hold.kind))
      .catch((error) => {
        host.report(error)
        this.#hold = { kind: 'refused', id: session.id }
      })
    this.#hold = { kind: 'asking', answer }
    return answer
  }

  adopted(): void {
    this.#store(null)
    this.end()
  }

  beforeSend(): void {
    this.#saveAsItGoes(false)
  }

  beforeNumbers(last: number): void {
    if (last > this.#reserved) this.#saveAsItGoes(false)
  }

  /** The server has refused the session, and another was begun without the restored messages, perhaps of another user. */
  renewed(): void {
    if (!this.#restored) return
    this.#owner?.sender.dropNumbered()
    const { all } = this.#restored
    this.#restored = { lost: Array.from({ length: all }, () => Infinity), all }
  }

  /** The details for the first `open`. */
  openDetails(): Pick<EventDetails['open'], 'restored'> {
    if (!this.#restored) return {}
    const { lost } = this.#restored
    this.#restored = null
    const taken = this.#port.session.opened?.taken ?? 0
    return { restored: { lost: lost.filter((n) => n > taken).length } }
  }

  /** The client is closed: the stored session is removed. */
  end(): void {
    this.#rest()
    if (this.#stored !== null && this.#port.tab.read(this.#key) === this.#stored) this.#store(null)
    this.#hold = { kind: 'ended' }
    this.#stopListening?.()
    this.#stopListening = null
  }

  get #key(): string {
    const { origin, pathname } = this.#port.url()
    return `steadfast:session:${origin}${pathname}`
  }

  async #admitFrom(from: Hold['kind']): Promise<void> {
    const { host, tab, session, newId } = this.#port
    if (from === 'new') {
      const stored = readStored(tab.read(this.#key), host.wallTime(host.now()))
      if (stored && (await this.#take(stored.snapshot.id))) this.#restore(stored)
    } else if (from === 'away') {
      // If another page has continued the session in the meantime, this page's state is out of date.
      const isOurs = tab.read(this.#key) === this.#stored && (await this.#take(session.id))
      if (!isOurs && this.#hold.kind === 'asking') {
        session.begin(newId())
        this.#stored = null
        this.#owner?.sender.handOver()
      }
    }
    const withinMs = from === 'ended' ? followedLockWithinMs : lockWithinMs
    if (this.#hold.kind === 'asking' && !(await this.#take(session.id, withinMs)) && this.#hold.kind === 'asking')
      this.#hold = { kind: 'refused', id: session.id }
  }

  /** Takes the lock of a session; returns whether this page has it. */
  async #take(id: string, withinMs = lockWithinMs): Promise<boolean> {
    const { host, tab } = this.#port
    const asking = this.#hold
    const locking = tab.lock(`steadfast:session:${id}`, withinMs)
    const release = await within(locking, withinMs + answerWithinMs, host, () => null)
    // The lock may be granted after the timeout, or to a client that was closed in the meantime.
    if (release === null || this.#hold !== asking) {
      locking.then((late) => late?.()).catch((error) => host.report(error))
      return false
    }
    this.#hold = { kind: 'held', id, isLocked: !!release, release: release ?? (() => {}) }
    // Without locks, a page with a copy of the storage would continue the same session, so it is removed.
    if (!release) this.#store(null)
    return true
  }

  #restore(stored: StoredSession): void {
    const { host, session } = this.#port
    const { snapshot } = stored
    const data = numberedData(snapshot, host.wallTime(host.now()))
    const lost = lostNumbers(stored, data)
    restoreSession(session, snapshot)
    const messages = data.map((each) => ({ data: each }))
    this.#owner?.sender.replace(snapshot.first, messages)
    session.shared.copies?.begun()
    this.#restored = { lost, all: lost.length + data.filter((each) => each !== null).length }
    this.#windowMs = stored.windowMs
    this.#reserved = snapshot.last
  }

  #suspend(): void {
    if (this.#hold.kind === 'held') this.#save(true)
    this.#rest()
    this.#hold = { kind: 'away' }
  }

  /** Releases the lock and the timer. */
  #rest(): void {
    if (this.#hold.kind === 'held') this.#hold.release()
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #saveAsItGoes(isWhole: boolean): void {
    const { host, session } = this.#port
    if (this.#hold.kind !== 'held' || !this.#hold.isLocked || this.#hold.id !== session.id) return
    this.#save(isWhole)
    this.#cancelTimer?.()
    this.#cancelTimer = host.after(this.#windowMs / storesPerWindow, () => this.#saveAsItGoes(false))
  }

  /** Stores the session; `isWhole`: with its messages and without reserved numbers, since the page may not write any more. */
  #save(isWhole: boolean): void {
    const { host, session, storesPayloads } = this.#port
    const sent = this.#owner?.sender.sent
    if (!sent) return
    const { first, last: written } = sent
    this.#windowMs = session.opened?.resumeWindowMs ?? this.#windowMs
    if (isWhole) this.#reserved = written
    else if (written > this.#reserved) this.#reserved = written + numbersAhead
    const storedAt = host.wallTime(host.now())
    const textWith = (messages: readonly KeptMessage[]) =>
      storedText({
        storedAt: Math.round(storedAt),
        windowMs: Math.round(this.#windowMs),
        sent: sent.lastWaiting,
        snapshot: snapshotOf(session, { first, last: Math.max(this.#reserved, written), messages }),
      })
    const messages = isWhole && storesPayloads ? sent.messages.map((message) => this.#withWallTime(message)) : []
    const text = textWith(messages)
    if (text !== null && isSameSession(text, this.#stored) && storedAt < this.#storedAt + this.#windowMs / storesPerWindow) return
    this.#storedAt = storedAt
    if (this.#store(text)) return
    this.#note('the tab cannot store all of the session; the rest is lost with the page')
    if (!messages.length || !this.#store(textWith([]))) this.#store(null)
  }

  /** Writes or removes the stored text; returns whether a session is stored now. */
  #store(text: string | null): boolean {
    const isDone = this.#port.tab.write(this.#key, text)
    if (isDone || text === null) this.#stored = text
    return isDone && text !== null
  }

  #withWallTime(message: KeptMessage): KeptMessage {
    const { expiresAt } = message
    return expiresAt === undefined ? message : { ...message, expiresAt: this.#port.host.wallTime(expiresAt) }
  }

  #note(line: string): void {
    if (!this.#hasNoted) this.#owner?.note(line)
    this.#hasNoted = true
  }
}
