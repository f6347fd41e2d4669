import type { Answer } from '../api/protocol.ts'
import type { Call, Link, Listener, Transport } from '../api/transport.ts'
import { essenceOf, isPage, sniffed } from '../util/http-fields.ts'
import { bytesOfBody, textOfBody } from './body.ts'
import { maxEventLength } from './event-stream.ts'
import { Failure, reportOf } from './failure.ts'
import { askHost } from './host-question.ts'
import { answered, contentTypeOf, get, postingLink } from './http.ts'
import { longPollPauseMs, type Manner, pollLoop, pollPauseMs, quickMs } from './poll-loop.ts'

const answers = [200, 204, 304, 408]
/** After so long without an answer to held requests, the host is asked whether it is still there, in milliseconds. */
const unansweredMs = 45_000
/** The content types of text. A body of any other type is bytes, which a decoder of text would damage. */
const textTypes = /^($|text|application\/.*(json|script|\bxml$|yaml|x-www))/

/**
 * Long-poll: repeated GETs that the server holds until it has a message. `timeoutMs` ends one before the server would: browsers
 * silently repeat a request when a reused connection answers 408.
 */
export function longPoll(timeoutMs: number, connectTimeoutMs: number): Transport {
  const last = { latestAt: -Infinity, connectTimeoutMs }
  return {
    type: 'long-poll',
    isHeld: true,
    isProvenByHearing: true,
    isPolling: true,
    dial: (call, listener) =>
      ask(call, listener, { type: 'long-poll', timeoutMs: () => timeoutMs, pauseMs: longPollPauseMs }, last),
  }
}

/** Poll: repeated GETs with a pause between them, which is longer in a hidden tab. `timeoutMs` is the limit of one response. */
export function poll(intervalMs: number, timeoutMs: number): Transport {
  return {
    type: 'poll',
    isPolling: true,
    dial: (call, listener) =>
      ask(call, listener, { type: 'poll', timeoutMs: () => timeoutMs, pauseMs: () => pollPauseMs(intervalMs, call.host) }),
  }
}

/** The loop of both transports. */
function ask(
  call: Call,
  listener: Listener,
  { type, timeoutMs, pauseMs }: Manner & { readonly type: string },
  last?: { latestAt: number; readonly connectTimeoutMs: number },
): Link {
  const { host, signal, protocol } = call
  const isHeld = type === 'long-poll'
  let isOpen = false
  /** Whether the host of an open long-poll has been asked, and has not answered yet. */
  let isAsking = false
  let lastBody: Answer['body'] | undefined
  // A held request looks the same as one that never arrived, so the host is asked.
  let stopAsking = last ? askHost(call, last.latestAt, last.connectTimeoutMs, opened) : () => {}
  const asking = pollLoop(call, {
    timeoutMs,
    pauseMs,
    async exchange(request) {
      const since = host.now()
      const answer = await read(await get(call, type, '*/*', request), request)
      return take(answer, isHeld && host.now() - since >= quickMs)
    },
    // For a held request, a timeout only means that there was no message, unless the host is gone.
    timedOut: () => {
      if (!last) throw new Failure({ kind: 'timeout' })
      if (!isOpen || isAsking || host.now() - last.latestAt < unansweredMs) return
      isAsking = true
      stopAsking = askHost(call, -Infinity, last.connectTimeoutMs, hostAnswered, () => failed(new Failure({ kind: 'silent' })))
    },
    failed,
  })
  return { ...postingLink(call), pollNow: () => asking.pollNow(isHeld) }

  function failed(error: unknown) {
    stopAsking()
    listener.failed(reportOf(error, 'broken'))
  }

  function hostAnswered() {
    isAsking = false
    if (last) last.latestAt = host.now()
  }

  function opened() {
    stopAsking()
    isAsking = false
    if (isOpen || signal.aborted) return
    isOpen = true
    listener.opened()
  }

  async function read(response: Response, request: AbortSignal): Promise<Answer> {
    const { status, headers } = response
    const contentType = essenceOf(contentTypeOf(headers))
    if (!answers.includes(status) || (status === 200 && (isPage(contentType) || contentType === 'text/event-stream')))
      throw new Failure(await answered(response, call))
    if (textTypes.test(contentType)) {
      const body = await textOfBody(response, maxEventLength, request)
      const type = !contentType && sniffed(body, true)
      if (type) throw new Failure({ kind: 'answered', status, contentType: type, start: body.slice(0, 80) })
      return { status, headers, body }
    }
    const { buffer } = await bytesOfBody(response, maxEventLength, request)
    return { status, headers, body: buffer.byteLength ? buffer : '' }
  }

  /** Passes on the messages of a response; returns whether there was a new one. */
  function take(answer: Answer, wasHeld: boolean): boolean {
    const { messages, cursor } = protocol.readAnswer(answer)
    if (last) last.latestAt = host.now()
    opened()
    listener.heard()
    const hasMoved = cursor !== undefined && cursor !== call.cursor()
    // An identical body is the same message again, unless the cursor has moved, or the server held the request first.
    const isNew = messages.length > 0 && (hasMoved || !isSame(answer.body, lastBody) || (wasHeld && cursor === undefined))
    if (isNew) for (const message of messages) listener.received(message)
    if (cursor !== undefined) listener.moved(cursor)
    lastBody = answer.body
    return isNew
  }
}

function isSame(body: Answer['body'], other: Answer['body'] | undefined): boolean {
  if (typeof body === 'string' || other === undefined || typeof other === 'string') return body === other
  const bytes = new Uint8Array(other)
  return body.byteLength === other.byteLength && new Uint8Array(body).every((byte, index) => byte === bytes[index])
}
