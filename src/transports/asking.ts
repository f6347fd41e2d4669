import type { Answer } from '../protocols/protocol.ts'
import { Failure, reportOf } from './failure.ts'
import { answered, contentTypeOf, get, post } from './http.ts'
import type { Call, Link, Listener, Transport } from './transport.ts'

/** How long a held request must go without failing to count as a working one. */
const heldMs = 2000
/** An answer that came sooner and brought nothing is followed by a pause, so that no server can make the client spin. */
const quickMs = 1000
const hiddenFactor = 6
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
    dial: (call, listener) => ask(call, listener, { type: 'long-poll', timeoutMs, pauseMs: (isNews) => (isNews ? 0 : quickMs) }),
  }
}

/** Poll: the same with a pause instead of holding, longer in a hidden tab. `timeoutMs` is for one answer. */
export function poll(intervalMs: number, timeoutMs: number): Transport {
  return {
    type: 'poll',
    isAsking: true,
    dial: (call, listener) =>
      ask(call, listener, {
        type: 'poll',
        timeoutMs,
        pauseMs: () => intervalMs * (call.host.isHidden() ? hiddenFactor : 1) * (1 + call.host.random() / 5),
      }),
  }
}

interface Manner {
  readonly type: 'long-poll' | 'poll'
  readonly timeoutMs: number
  pauseMs(isNews: boolean): number
}

/** The one loop of both. */
function ask(call: Call, listener: Listener, { type, timeoutMs, pauseMs }: Manner): Link {
  const { host, signal, protocol } = call
  const isHeld = type === 'long-poll'
  let isOpen = false
  let lastBody: Answer['body'] | undefined
  /** Ends what the loop waits for: a held request, or the pause. */
  let hurry = () => {}
  const cancelHeld = isHeld ? host.after(heldMs, opened) : () => {}
  signal.addEventListener('abort', cancelHeld, { once: true })
  loop().catch((error: unknown) => {
    cancelHeld()
    if (!signal.aborted) listener.failed(reportOf(error, 'broken'))
  })
  return {
    isPosting: true,
    write: (data, sending, isLast) => post(call, data, sending, isLast),
    bufferedBytes: () => 0,
    nudge: () => hurry(),
    close() {},
  }

  async function loop(): Promise<void> {
    while (!signal.aborted) {
      const since = host.now()
      const answer = await answerInTime()
      const isNews = !!answer && take(answer)
      if (answer) opened()
      // The listener may have been told to hang up by what it was given.
      if (!signal.aborted) await pause(answer ? pauseMs(isNews || host.now() - since >= quickMs) : 0)
    }
  }

  function opened() {
    cancelHeld()
    if (isOpen || signal.aborted) return
    isOpen = true
    listener.opened()
  }

  /** One request; `null` when it was held until the limit, or was told to ask anew. */
  async function answerInTime(): Promise<Answer | null> {
    const request = new AbortController()
    const abort = () => request.abort()
    let isOver = false
    const cancelLimit = host.after(timeoutMs, () => {
      isOver = true
      abort()
    })
    signal.addEventListener('abort', abort, { once: true })
    if (isHeld) hurry = abort
    try {
      return await read(await get(call, type, '*/*', request.signal))
    } catch (error) {
      const isOurs = request.signal.aborted
      // What is left of an answer that is refused must not go on arriving.
      abort()
      if (!isOurs) throw error
      if (isOver && !isHeld) throw new Failure({ kind: 'timeout' })
      return null
    } finally {
      hurry = () => {}
      cancelLimit()
      signal.removeEventListener('abort', abort)
    }
  }

  async function read(response: Response): Promise<Answer> {
    const { status, headers } = response
    const contentType = contentTypeOf(headers)
    if (!answers.includes(status) || (status === 200 && /^text\/(html|event-stream)/i.test(contentType)))
      throw new Failure(answered(response, call))
    return { status, headers, body: binaryTypes.test(contentType) ? await response.arrayBuffer() : await response.text() }
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

  function pause(ms: number): Promise<void> {
    if (!ms) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        hurry = () => {}
        resolve()
      }
      const cancel = host.after(ms, done)
      signal.addEventListener('abort', done, { once: true })
      hurry = done
    })
  }
}
