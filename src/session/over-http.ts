import type { Call, Delivery, Link, Listener, Transport } from '../api/transport.ts'
import { keepaliveBytes } from '../sending/final-flush.ts'
import { textOfBody } from '../transports/body.ts'
import { EventStream, readEventStream } from '../transports/event-stream.ts'
import { Failure, reportOf } from '../transports/failure.ts'
import { answered, contentTypeOf, request } from '../transports/http.ts'
import { longPollPauseMs, pollLoop, pollPauseMs } from '../transports/poll-loop.ts'
import { isEventStream } from '../transports/sse.ts'
import { essenceOf, isPage } from '../util/http-fields.ts'
import { closeOf } from '../wire/readers.ts'
import { codes, type Hello } from '../wire/steadfast-v1.ts'
import { ended, helloOf, mismatch, outdated, readFrame, withAttempt } from './carrier.ts'
import { formOf, utf8 } from './frames.ts'
import { retryPauseMs } from './retry-pause.ts'
import { ackBytes, type SessionState } from './session-state.ts'

/** How long a held response may be silent beyond the server's longest silence, in milliseconds. */
const silenceMs = 5000
/** The first poll delay while a request() or flushed() is pending, in milliseconds; it doubles with each poll. */
const answerSoonMs = 250
/** The limit of a JSON response of a session's server, in bytes. */
const answerBytes = 2 ** 16

/**
 * A session over HTTP (docs/PROTOCOL.md): one kind of request with three waits. An event stream is held until it ends, a
 * long-poll until there are frames, a poll not at all.
 */
export function sessionSse(session: SessionState): Transport {
  return {
    type: 'sse',
    isHeld: true,
    dial(call, listener) {
      const { link, exchange } = attach(session, call, listener, false)
      exchange(undefined, call.signal)
        .then(() => {
          throw new Failure({ kind: 'ended' })
        })
        .catch((error: unknown) => {
          if (!call.signal.aborted) listener.failed(reportOf(error, 'broken'))
        })
      return link
    },
  }
}

export function sessionLongPoll(session: SessionState, connectTimeoutMs: number): Transport {
  return {
    type: 'long-poll',
    isHeld: true,
    isPolling: true,
    dial(call, listener) {
      let isFirst = true
      // The first request is answered at once, which proves the transport even through a proxy that withholds bodies.
      const waitMs = () => (isFirst ? 0 : (session.opened?.heartbeatMs ?? 0))
      return ask(session, call, listener, {
        waitMs,
        timeoutMs: () => (isFirst ? connectTimeoutMs : waitMs()) + silenceMs + session.graceMs(),
        pauseMs(isNews) {
          const wasFirst = isFirst
          isFirst = false
          return longPollPauseMs(isNews || wasFirst)
        },
      })
    },
  }
}

export function sessionPoll(session: SessionState, intervalMs: number, timeoutMs: number): Transport {
  return {
    type: 'poll',
    isPolling: true,
    dial(call, listener) {
      let soonMs = answerSoonMs
      const link = ask(session, call, listener, {
        waitMs: () => 0,
        timeoutMs: () => timeoutMs + session.graceMs(),
        pauseMs() {
          const pauseMs = pollPauseMs(intervalMs, call.host)
          if (!session.port?.isAwaited()) return pauseMs
          const ms = Math.min(soonMs, pauseMs)
          soonMs *= 2
          return ms
        },
      })
      return {
        ...link,
        async write(lines, signal, isLast) {
          const delivery = await link.write(lines, signal, isLast)
          // The answer may be available already.
          const isAwaited = lines && session.port?.isAwaited()
          if (isAwaited) soonMs = answerSoonMs
          // If the server has ended the session, the next poll brings what is unread, and then the end.
          const isOver = 'report' in delivery && 'code' in delivery.report && delivery.report.code === codes.restarting
          if (isAwaited || isOver) link.pollNow()
          return delivery
        },
      }
    },
  }
}

interface Manner {
  waitMs(): number
  timeoutMs(): number
  pauseMs(isNews: boolean): number
}

function ask(session: SessionState, call: Call, listener: Listener, { waitMs, timeoutMs, pauseMs }: Manner) {
  const { link, exchange, hasOpened } = attach(session, call, listener, true)
  const asking = pollLoop(call, {
    timeoutMs,
    pauseMs,
    exchange: (signal, extend) => exchange(waitMs(), signal, extend),
    againMs(error, failures) {
      const report = reportOf(error, 'broken')
      // A close from the server ends an attachment, and so does silence; one response broken by an intermediary need not.
      const isLost = !hasOpened() || report.kind === 'closed' || report.kind === 'silent'
      return isLost ? null : retryPauseMs(report, failures, call.host.random())
    },
    timedOut: () => {
      throw new Failure({ kind: hasOpened() ? 'silent' : 'timeout' })
    },
    failed: (error) => listener.failed(reportOf(error, 'broken')),
  })
  return { ...link, pollNow: () => asking.pollNow(false) }
}

/** Sends a session's last lines in a separate request, if it has no attachment, or one that may not outlive the page. */
export function postLast(session: SessionState, call: Call, lines: string, signal: AbortSignal): Promise<Delivery> | undefined {
  return attach(session, call, nobody, true).link.write(lines, signal, true)
}

const nobody: Listener = { opened() {}, heard() {}, received() {}, moved() {}, failed() {} }

/** One attachment: its link, and a function for one request with its response. */
function attach(session: SessionState, call: Call, listener: Listener, tellsCursor: boolean) {
  let { auth } = call
  let turn: number | undefined
  let taken = 0
  let isOpen = false
  const frames = {
    opened(frame: { readonly taken: number }) {
      taken = frame.taken
      if (!isOpen || !session.isResumed) listener.opened()
      // Messages taken by a node that has since died have to be sent again.
      else session.port?.onRewind(taken)
      isOpen = true
    },
    received: listener.received,
    pinged() {},
    challenged: listener.challenged,
    closed: ended,
    outdated,
  }
  const ask = (more: Partial<Hello>, lines: string, signal: AbortSignal, isLast = false) => {
    const hello = helloOf(session, { id: call.id, auth }, { ...more, ...(turn && { turn }) })
    const { type, body } = formOf(lines ? `${hello}\n${lines}` : hello, call.host.random())
    return request(call, withAttempt(call), {
      method: 'POST',
      redirect: 'error',
      headers: { 'Content-Type': type },
      body,
      signal,
      // Fetch refuses a longer body with `keepalive`.
      keepalive: isLast && utf8(body).length <= keepaliveBytes,
    })
  }
  const link = {
    isPosting: true,
    tellsCursor,
    taken: () => taken,
    choose(chosen) {
      turn = chosen
    },
    authenticate(fresh) {
      auth = fresh
      // The next hello carries it: a polling client is about to send one, beside an event stream an extra one is needed.
      session.owedBytes += ackBytes
      session.port?.onAckOwed()
    },
    async write(lines, signal, isLast): Promise<Delivery> {
      try {
        const response = await ask({ send: true }, String(lines), signal, isLast)
        const { taken, ack, answeredAt } = await markedJson(response, call, signal)
        readFrame(() => session.readReceipt(taken, ack, answeredAt))
        return { outcome: 'sent' }
      } catch (error) {
        return { outcome: 'unconfirmed', report: reportOf(error, 'broken') }
      }
    },
    bufferedBytes: () => 0,
    close() {},
  } satisfies Link
  return { link, exchange, hasOpened: () => isOpen }

  async function exchange(wait: number | undefined, signal: AbortSignal, extend = () => {}): Promise<boolean> {
    // A POST beside it may bring the acknowledgment with which the server answers: that is news all the same.
    const { moves } = session
    const response = await ask(wait === undefined ? {} : { wait }, '', signal)
    if (!isEventStream(response)) {
      await markedJson(response, call, signal, isOpen)
      throw mismatch('the answer is no event stream')
    }
    if (!response.body) throw new Failure({ kind: 'unsupported', detail: 'streaming fetch' })
    const stream = new EventStream({
      onComment: () => listener.heard(true),
      onEvent({ data }) {
        if (!isOpen && !data.startsWith('o')) throw mismatch('its first frame opens no session')
        readFrame(() => session.readText(data, frames))
      },
    })
    await readEventStream(response.body, signal, stream, () => {
      listener.heard()
      // Any bytes show that the connection lives (rule 6): a complete response may be slow on a bad link.
      extend()
    })
    return session.moves !== moves
  }
}

/** Reads a JSON response of this protocol. @throws Failure for any other response, and for an error */
async function markedJson(response: Response, call: Call, signal: AbortSignal, hasOpened = true): Promise<Json> {
  const contentType = contentTypeOf(response.headers)
  // A response that breaks off is not a response, and says nothing about what the server speaks.
  const answer = essenceOf(contentType).includes('json') ? parsed(await textOfBody(response, answerBytes, signal)) : null
  if (answer?.['steadfast'] !== 'v1') {
    // A page is for people, other statuses say more, and once the protocol was spoken something else is answering now.
    const isForUs = !hasOpened && response.status === 200 && !isPage(contentType)
    throw isForUs ? mismatch('the answer is none of steadfast.v1') : new Failure(await answered(response, call))
  }
  if (!response.ok) ended(readFrame(() => closeOf(answer)))
  return answer
}

/** Unchecked JSON. */
type Json = Readonly<Record<string, unknown>>

function parsed(text: string): Json | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
