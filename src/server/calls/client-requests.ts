import { type CallFault, type CallValue, type ClientCall, isTimeoutMs } from '../../wire/calls.ts'
import { RequestError } from '../../wire/request-error.ts'
import { appendForwarded, ForwardedLog } from '../node/forwarded-log.ts'
import type { ServerHost } from '../node/host.ts'
import { StoreSecret, signatureLength } from '../node/store-secret.ts'
import type { PrivateAppend, SessionRecord, SessionStore, TopicLog } from '../store/ports.ts'
import { requestEntry, withdrawnEntry } from '../store/private-entries.ts'
import { mustBeOptions } from '../util/option-checks.ts'
import { kindOf } from '../util/payload.ts'
import { isThenable } from '../util/thenable.ts'

/** How often a node checks whether the session still exists, in milliseconds. */
const lookEveryMs = 1000

/** How many requests may wait for the client of one session. */
const maxPending = 1000

/** The node that sends the request. */
interface AskingNode {
  readonly host: ServerHost
  readonly sessions: SessionStore
  readonly topics: TopicLog
  readonly isDown: boolean
}

/** The session whose client receives the request. */
export interface AskedSession {
  readonly id: string
  readonly epoch: string
  /** The session's record if its client is attached to this node, which then sees every change of it; `null` otherwise. */
  known(): Pick<SessionRecord, 'epoch' | 'ended'> | null
}

/** A client's answer, as one node forwards it to another. */
type Passed = Extract<ClientCall, { type: 'reply' | 'error' }>

interface Pending {
  resolve(value: CallValue): void
  reject(error: unknown): void
}

/** The unanswered requests to one session's client. */
interface Asked {
  readonly session: AskedSession
  readonly pending: Map<string, Pending>
  readonly log: ForwardedLog
  cancelLook: () => void
}

/** Options of `session.request()`. */
export interface SessionRequestOptions {
  /** How long to wait for the reply, in milliseconds; then the promise rejects with `'timeout'`. @defaultValue 30,000 */
  readonly timeoutMs?: number
  /** Aborts the request: the promise rejects with the signal's reason, and the client's `request.signal` is aborted. */
  readonly signal?: AbortSignal
}

/** @throws TypeError for an invalid option */
export function askOptions(options: SessionRequestOptions): AskOptions {
  mustBeOptions('session.request', options, ['timeoutMs', 'signal'])
  const { timeoutMs = 30_000, signal } = options
  if (signal !== undefined && typeof signal?.aborted !== 'boolean')
    throw new TypeError(`RealtimeServer: session.request() takes signal as an AbortSignal; it was ${kindOf(signal)}.`)
  if (!isTimeoutMs(timeoutMs))
    throw new TypeError(
      `RealtimeServer: session.request() takes timeoutMs as a number above 0, or Infinity; it was ${typeof timeoutMs === 'number' ? timeoutMs : kindOf(timeoutMs)}.`,
    )
  return { timeoutMs, signal }
}

/** The checked options of a request to a client. */
export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The requests that this node has sent to clients (`session.request()`). The answer may reach any node, which forwards it over a
 * topic of the session's own: only a node with pending requests to the session reads that topic.
 */
export class ClientRequests {
  readonly #node: AskingNode
  readonly #asked = new Map<string, Asked>()
  readonly #secret: StoreSecret

  constructor(node: AskingNode) {
    this.#node = node
    this.#secret = new StoreSecret(node.sessions, node.host)
  }

  /** Resolves with the client's reply. @throws RequestError if there is none, and the signal's reason */
  async ask(session: AskedSession, value: CallValue, { timeoutMs, signal }: AskOptions): Promise<CallValue> {
    const { host, sessions } = this.#node
    signal?.throwIfAborted()
    // At once if possible: what is sent after this request must not overtake it.
    const given = this.#idFor(session.id, host.randomId())
    const id = isThenable(given) ? await given : given
    signal?.throwIfAborted()
    if (this.#node.isDown) throw closed()
    const asked = this.#of(session)
    if (asked.pending.size >= maxPending)
      throw new RangeError(`RealtimeServer: ${maxPending} requests wait for the client of this session already.`)
    let cancelLimit = () => {}
    let stopListening = () => {}
    try {
      return await new Promise<CallValue>((resolve, reject) => {
        asked.pending.set(id, { resolve, reject })
        const giveUp = (reason: unknown) => {
          this.#abort(session, id)
          reject(reason)
        }
        if (timeoutMs < Infinity)
          cancelLimit = host.after(timeoutMs, () => giveUp(new RequestError('timeout', `There was no reply in ${timeoutMs} ms.`)))
        const onAbort = () => giveUp(signal?.reason)
        signal?.addEventListener('abort', onAbort)
        stopListening = () => signal?.removeEventListener('abort', onAbort)
        const until = timeoutMs < Infinity ? sessions.now() + timeoutMs : undefined
        this.#append(session, requestEntry(JSON.stringify({ type: 'request', id, ...value }), id, until))
          .then((isThere) => {
            if (!isThere) reject(closed())
          })
          .catch(reject)
      })
    } finally {
      cancelLimit()
      stopListening()
      asked.pending.delete(id)
      if (asked.pending.size === 0) this.#forget(asked)
    }
  }

  /**
   * Forwards a client's answer to the node that sent the request. Rejects if the store does not accept the answer. An answer to what
   * no node has asked is dropped: it would only displace other topics in the store.
   */
  async pass(session: string, answer: Passed): Promise<void> {
    if ((await this.#idFor(session, answer.to.slice(0, -signatureLength))) !== answer.to) return
    await appendForwarded(this.#node.topics, answersOf(session), JSON.stringify(answer))
  }

  /** The id of a request to the client of this session, made of random characters. */
  #idFor(session: string, random: string): string | Promise<string> {
    const signature = this.#secret.sign(`${session} ${random}`)
    return isThenable(signature) ? signature.then((each) => random + each) : random + signature
  }

  stop(): void {
    this.#secret.stop()
    for (const asked of this.#asked.values()) this.#end(asked)
  }

  #of(session: AskedSession): Asked {
    const { id, epoch } = session
    const known = this.#asked.get(id)
    if (known?.session.epoch === epoch) return known
    if (known) this.#end(known)
    const { topics, host } = this.#node
    const pending = new Map<string, Pending>()
    const log = new ForwardedLog(answersOf(id), topics, host, (data) => this.#answered(pending, String(data)))
    const asked: Asked = { session, pending, log, cancelLook: () => {} }
    this.#asked.set(id, asked)
    this.#lookLater(asked)
    return asked
  }

  #answered(pending: Map<string, Pending>, json: string): void {
    // Only nodes publish to that topic.
    const answer = JSON.parse(json) as Passed
    const waiting = pending.get(answer.to)
    if (answer.type === 'reply') waiting?.resolve(answer)
    else waiting?.reject(errorOf(answer))
  }

  /** Rejects pending requests after the session's end. Reads the store only if this node does not follow the record. */
  #lookLater(asked: Asked): void {
    const { host, sessions } = this.#node
    const { session } = asked
    asked.cancelLook = host.after(lookEveryMs, () => {
      const known = session.known()
      if (known) {
        this.#looked(asked, known)
        return
      }
      Promise.resolve(sessions.read(session.id))
        .then(
          (read) => this.#looked(asked, read?.record ?? null),
          (error) => {
            host.report(error)
            this.#looked(asked, session)
          },
        )
        .catch((error) => host.report(error))
    })
  }

  #looked(asked: Asked, found: { readonly epoch: string; readonly ended?: unknown } | null): void {
    const { session } = asked
    if (this.#asked.get(session.id) !== asked || this.#node.isDown) return
    if (found?.epoch !== session.epoch || found.ended) this.#end(asked)
    else this.#lookLater(asked)
  }

  #end(asked: Asked): void {
    for (const { reject } of asked.pending.values()) reject(closed())
    this.#forget(asked)
  }

  #forget(asked: Asked): void {
    const { id } = asked.session
    asked.cancelLook()
    // Before the store's watch is stopped, which may throw.
    if (this.#asked.get(id) === asked) this.#asked.delete(id)
    asked.log.stop()
  }

  #abort(session: AskedSession, id: string): void {
    const entry = withdrawnEntry(JSON.stringify({ type: 'abort', id }), id)
    this.#append(session, entry).catch((error) => this.#node.host.report(error))
  }

  async #append({ id, epoch }: AskedSession, entry: PrivateAppend): Promise<boolean> {
    return (await this.#node.sessions.append(id, epoch, entry)) !== null
  }
}

function answersOf(session: string): string {
  return `answers ${session}`
}

function errorOf({ code, message }: CallFault): RequestError {
  return new RequestError(code, message)
}

function closed(): RequestError {
  return new RequestError('closed', 'The session has ended before its client answered.')
}
