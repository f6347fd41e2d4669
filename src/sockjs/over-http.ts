import type { Call, Delivery, Link, Listener } from '../api/transport.ts'
import { keepaliveBytes } from '../sending/final-flush.ts'
import { eachPiece } from '../transports/body.ts'
import { EventStream, maxEventLength } from '../transports/event-stream.ts'
import { Failure, reportOf } from '../transports/failure.ts'
import { answered, contentTypeOf, post, request } from '../transports/http.ts'
import { longPollPauseMs, pollLoop } from '../transports/poll-loop.ts'
import { bytesOf } from '../util/bytes-of.ts'
import { isPage } from '../util/http-fields.ts'
import { EventData, FrameLines, written } from './frames.ts'
import { textOf } from './over-websocket.ts'
import { addressIn, type PathName, type Session } from './place.ts'
import { Reading } from './reading.ts'

/** How frames are received over HTTP: in one streamed response, in an event stream, or in one response per frame. */
export type Receiving = Extract<PathName, 'xhr_streaming' | 'eventsource' | 'xhr'>

/** A link that sends any number of texts at once; they may contain line breaks. */
export interface HttpLink extends Link {
  writeLines(texts: readonly string[], signal: AbortSignal, isLast?: boolean): Promise<Delivery>
}

/**
 * A session over HTTP: consecutive receiving requests, and POSTs that send. A stream ends when the server has written a certain
 * amount (128 KiB), and a poll's response after one frame: the next request continues the same session.
 *
 * A receiving request is aborted only to leave: the server ends the session with it, and what it has queued is lost.
 *
 * @param silenceMs how long a request may receive nothing before the connection counts as lost
 */
export function dialHttp(
  call: Call,
  service: URL,
  session: Session,
  listener: Listener,
  receiving: Receiving,
  silenceMs: number,
): HttpLink {
  const reading = new Reading(call, listener)
  /** Shared by all requests, since the server's escaping stays the same for the whole session. */
  const decoded = new EventData()
  const asking = pollLoop(call, {
    timeoutMs: () => silenceMs,
    // A request that ended at once without a frame is followed by a pause.
    pauseMs: longPollPauseMs,
    exchange,
    timedOut() {
      throw new Failure({ kind: 'silent' })
    },
    failed: (error) => listener.failed(reportOf(error, 'broken')),
  })
  const sending = { ...call, sendUrl: addressIn(service, session, 'xhr_send') }
  const send = (texts: readonly string[], signal: AbortSignal, isLast = false) => {
    const body = written(texts)
    // JSON is longer than its texts: if it exceeds the limit of `keepalive` requests, an ordinary request may still arrive.
    return post(sending, body, signal, isLast && bytesOf(body) <= keepaliveBytes)
  }
  return {
    isPosting: true,
    write: (data, signal, isLast) => send([textOf(data)], signal, isLast),
    writeLines: send,
    bufferedBytes: () => 0,
    pollNow: () => asking.pollNow(false),
    close() {},
  }

  /** Sends one request and reads the response; returns whether it brought a frame. */
  async function exchange(signal: AbortSignal, extend: () => void): Promise<boolean> {
    const { headers } = call
    const method = receiving === 'eventsource' ? 'GET' : 'POST'
    const response = await request(call, addressIn(service, session, receiving), { method, headers, redirect: 'manual', signal })
    if (response.status !== 200 || isPage(contentTypeOf(response.headers))) throw new Failure(await answered(response, call))
    if (!response.body) throw new Failure({ kind: 'unsupported', detail: 'streaming fetch' })
    const before = reading.count
    const decoder = new TextDecoder()
    const frames = receiving === 'eventsource' ? framesOfEvents(reading, decoded) : framesOfLines(reading)
    await eachPiece(response.body, signal, (piece) => {
      extend()
      if (!call.signal.aborted) listener.heard()
      frames.take(decoder.decode(piece, { stream: true }))
    })
    if (!signal.aborted && frames.isCutOff()) throw new Failure({ kind: 'ended', isCutOff: true })
    return reading.count > before
  }
}

interface Frames {
  take(text: string): void
  /** Whether the body ended inside a frame. */
  isCutOff(): boolean
}

function framesOfLines(reading: Reading): Frames {
  const lines = new FrameLines()
  return {
    take(text) {
      // An empty line carries nothing: some servers send one so that proxies pass on what is before it.
      for (const line of lines.take(text)) if (line.trim()) reading.take(line)
      if (lines.restLength > maxEventLength) throw new Failure({ kind: 'oversized' })
    },
    isCutOff: () => lines.restLength > 0,
  }
}

function framesOfEvents(reading: Reading, decoded: EventData): Frames {
  const stream = new EventStream({ onEvent: ({ data }) => reading.take(decoded.read(data)) })
  return { take: (text) => stream.take(text), isCutOff: () => stream.isCutOff }
}
