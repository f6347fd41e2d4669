import type { Answer } from '../protocols/protocol.ts'
import { askAgain, longPollPauseMs, type Manner, pollPauseMs } from './ask-again.ts'
import { bytesOfBody, textOfBody } from './body.ts'
import { Failure, reportOf } from './failure.ts'
import { answered, contentTypeOf, get, postingLink } from './http.ts'
import { maxEventLength } from './sse.ts'
import type { Call, Link, Listener, Transport } from './transport.ts'

/** How long a held request must go without failing to count as a working one. */
const heldMs = 2000
const answers = [200, 204, 304, 408]
const binaryTypes = /^application\/(octet-stream|.*(protobuf|msgpack|cbor))|^(image|audio|video)\//i

/**
 * Long-poll: a GET that the server holds until there is something, again and again. `timeoutMs` ends it before the server
 * would: browsers repeat a request by themselves when a reused connection answers 408.
 */
export function longPoll(timeoutMs: number): Transport {
  return {
    type: 'long-poll',
    isHeld: true,
    isProvenByHearing: true,
    isAsking: true,
    dial: (call, listener) => ask(call, listener, { type: 'long-poll', timeoutMs: () => timeoutMs, pauseMs: longPollPauseMs }),
  }
}

/** Poll: the same with a pause instead of holding, longer in a hidden tab. `timeoutMs` is for one answer. */
export function poll(intervalMs: number, timeoutMs: number): Transport {
  return {
    type: 'poll',
    isAsking: true,
    dial: (call, listener) =>
      ask(call, listener, { type: 'poll', timeoutMs: () => timeoutMs, pauseMs: () => pollPauseMs(intervalMs, call.host) }),
  }
}

/** The one loop of both. */
function ask(call: Call, listener: Listener, { type, timeoutMs, pauseMs }: Manner & { readonly type: string }): Link {
  const { host, signal, protocol } = call
  const isHeld = type === 'long-poll'
  let isOpen = false
  let lastBody: Answer['body'] | undefined
  const cancelHeld = isHeld ? host.after(heldMs, opened) : () => {}
  signal.addEventListener('abort', cancelHeld, { once: true })
  const asking = askAgain(call, {
    timeoutMs,
    pauseMs,
    exchange: async (request) => take(await read(await get(call, type, '*/*', request), request)),
    // Nothing to say for so long is what a held request is for.
    timedOut: () => {
      if (!isHeld) throw new Failure({ kind: 'timeout' })
    },
    failed(error) {
      cancelHeld()
      listener.failed(reportOf(error, 'broken'))
    },
  })
  return { ...postingLink(call), nudge: () => asking.hurry(isHeld) }

  function opened() {
    cancelHeld()
    if (isOpen || signal.aborted) return
    isOpen = true
    listener.opened()
  }

  async function read(response: Response, request: AbortSignal): Promise<Answer> {
    const { status, headers } = response
    const contentType = contentTypeOf(headers)
    if (!answers.includes(status) || (status === 200 && /^text\/(html|event-stream)/i.test(contentType)))
      throw new Failure(await answered(response, call))
    const body = binaryTypes.test(contentType)
      ? (await bytesOfBody(response, maxEventLength, request)).buffer
      : await textOfBody(response, maxEventLength, request)
    return { status, headers, body }
  }

  /** Hands over what an answer brought; tells whether it was anything new. */
  function take(answer: Answer): boolean {
    const { messages, cursor } = protocol.readAnswer(answer)
    opened()
    listener.heard()
    const hasMoved = cursor !== undefined && cursor !== call.cursor()
    const isNew = messages.length > 0 && answer.body !== lastBody
    // The same body under the same cursor is the same message once more.
    if (isNew || hasMoved || cursor === undefined) for (const message of messages) listener.received(message)
    if (cursor !== undefined) listener.moved(cursor)
    lastBody = answer.body
    return isNew || hasMoved
  }
}
