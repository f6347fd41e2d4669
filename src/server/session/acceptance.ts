import { Buffer } from 'node:buffer'
import { longestMs } from '../../wire/readers.ts'
import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { ClientHello } from '../delivery/parse-frames.ts'
import type { Limits } from '../limits.ts'
import type { ServerHost } from '../node/host.ts'
import { kindOf } from '../util/payload.ts'
import { isThenable } from '../util/thenable.ts'
import { tookTooLong, within } from '../util/within.ts'

/** Calls the option `acceptSession` for this client. It may throw, and its promise may reject. */
export type AskAcceptance = (signal: AbortSignal) => unknown

/** A client that wants a new session. */
interface Asking {
  readonly hello: ClientHello
  readonly ask: AskAcceptance | null
}

/** The node that is to create the sessions. */
interface AcceptingNode {
  readonly host: Pick<ServerHost, 'after' | 'report'>
  readonly settings: { readonly limits: Pick<Limits, 'authenticateTimeoutMs'> }
  readonly isDown: boolean
  pauseMs(): number
}

/** The client gets a session. For a WebSocket-shaped client: with this subprotocol, `''` for none. */
export interface Accepted {
  readonly protocol: string | undefined
}

/** The longest reason of a refusal, in bytes: a Close frame has no room for more. */
const maxReasonBytes = 123

/** Pure: interprets the application's answer for a client with this hello. @throws TypeError for an invalid answer */
export function readAcceptance(answer: unknown, { protocols }: Pick<ClientHello, 'protocols'>): Accepted | CloseFrame {
  if (typeof answer === 'object' && answer !== null) return refusalOf(answer)
  if (answer === null || answer === undefined) {
    if (!protocols || protocols.length === 0) return { protocol: protocols ? '' : undefined }
    return { code: codes.ended, reason: 'none of the offered subprotocols is supported' }
  }
  if (typeof answer === 'string' && protocols?.includes(answer)) return { protocol: answer }
  throw new TypeError(
    `RealtimeServer: acceptSession() must return one of the protocols that it is given, null for none, or a refusal, { code, reason }; it was ${typeof answer === 'string' ? 'a protocol that the client does not offer' : kindOf(answer)}.`,
  )
}

function refusalOf(answer: object): CloseFrame {
  const code: unknown = Reflect.get(answer, 'code')
  const reason: unknown = Reflect.get(answer, 'reason') ?? ''
  const retryAfterMs: unknown = Reflect.get(answer, 'retryAfterMs')
  if (!(typeof code === 'number' && Number.isInteger(code) && code >= 4000 && code <= 4999) || code === codes.moved)
    throw new TypeError('RealtimeServer: a refusal of acceptSession() has a code from 4000 to 4999, and not 4409.')
  if (typeof reason !== 'string' || Buffer.byteLength(reason) > maxReasonBytes)
    throw new TypeError(`RealtimeServer: a refusal of acceptSession() has a reason of at most ${maxReasonBytes} bytes.`)
  if (retryAfterMs === undefined) return { code, reason }
  if (!(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && retryAfterMs <= longestMs))
    throw new TypeError('RealtimeServer: a refusal of acceptSession() has `retryAfterMs` from 0 to 86,400,000, a day.')
  return { code, reason, retryAfterMs }
}

/** The sessions of one node that wait for the application's answer, or for their creation. */
export class Acceptances {
  readonly #node: AcceptingNode
  readonly #open = new Set<() => void>()

  constructor(node: AcceptingNode) {
    this.#node = node
  }

  /**
   * Calls `ask`, if there is one, and creates the session. Resolves with the refusal, or with whether the session was created. If
   * it was not, for whatever reason, the application's signal is aborted.
   */
  async create({ hello, ask }: Asking, write: (protocol: string | undefined) => Promise<boolean>): Promise<CloseFrame | boolean> {
    if (!ask) return write(hello.protocol)
    const controller = new AbortController()
    let stop = () => {}
    const stopped = new Promise<CloseFrame>((resolve) => {
      stop = () => {
        resolve({ code: codes.restarting, reason: 'restarting', retryAfterMs: this.#node.pauseMs() })
        controller.abort()
      }
    })
    this.#open.add(stop)
    let isCreated = false
    try {
      const answer = await Promise.race([stopped, this.#answerTo(hello, ask, controller.signal)])
      if ('code' in answer) return answer
      if (this.#node.isDown) return false
      isCreated = await write(answer.protocol)
      return isCreated
    } finally {
      this.#open.delete(stop)
      if (!isCreated) controller.abort()
    }
  }

  /** The node closes: refuses the clients that wait for the application's answer. */
  stop(): void {
    for (const stop of this.#open) stop()
  }

  async #answerTo(hello: ClientHello, ask: AskAcceptance, signal: AbortSignal): Promise<Accepted | CloseFrame> {
    const { host, settings } = this.#node
    try {
      const asked = ask(signal)
      const { authenticateTimeoutMs } = settings.limits
      const answer = isThenable(asked)
        ? await within(Promise.resolve(asked), authenticateTimeoutMs, host, tookTooLong('acceptSession()'))
        : asked
      return readAcceptance(answer, hello)
    } catch (error) {
      // After the signal was aborted, an error is expected.
      if (!signal.aborted) host.report(error)
      return { code: codes.internal, reason: 'internal error' }
    }
  }
}
