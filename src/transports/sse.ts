import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { Call, Link, Listener, Transport } from '../api/transport.ts'
import { essenceOf } from '../util/http-fields.ts'
import { longestMs } from '../wire/readers.ts'
import { eachPiece } from './body.ts'
import { Failure, reportOf } from './failure.ts'
import { askHost } from './host-question.ts'
import { answered, contentTypeOf, get, postingLink } from './http.ts'
import { SilentIds } from './silent-ids.ts'
import { StreamEnd } from './stream-end.ts'

/** No event of a sane server is longer; beyond, the stream counts as broken. */
export const maxEventLength = 2 ** 26

/**
 * An event stream, read by the WHATWG rules (HTML, "Server-sent events") from a `fetch`, because `EventSource` hides the
 * status, the headers and the comments, and retries by itself. Sending is POST.
 *
 * @param isPatient whether a server that has sent no head, or whose head the browser keeps until the body begins (Firefox), is
 * waited for as soon as its host answers something else: right where nothing could be asked instead
 */
export function sse(connectTimeoutMs: number, isPatient: boolean): Transport {
  let retryMs = 0
  return { type: 'sse', isHeld: true, isProvenByHearing: true, dial }

  function dial(call: Call, listener: Listener): Link {
    read(call, listener).catch((error: unknown) => {
      if (call.signal.aborted) return
      const report = reportOf(error, 'broken')
      listener.failed({ ...report, retryAfterMs: Math.max(report.retryAfterMs ?? 0, retryMs) })
    })
    return postingLink(call)
  }

  async function read(call: Call, listener: Listener): Promise<never> {
    let isOpen = false
    const opened = () => {
      stopAsking()
      if (!isOpen) listener.opened()
      isOpen = true
    }
    const stopAsking = isPatient ? askHost(call, -Infinity, connectTimeoutMs, opened) : () => {}
    const cursor = call.cursor()
    const response = await get(call, 'sse', 'text/event-stream', call.signal)
    if (!isEventStream(response)) throw new Failure(await answered(response, call))
    if (!response.body) throw new Failure({ kind: 'unsupported', detail: 'streaming fetch' })
    opened()
    for (const moved of call.protocol.readHead?.({ headers: response.headers, cursor }) ?? []) listener.received(moved)
    const silentIds = new SilentIds()
    const parser = createParser({
      maxBufferSize: maxEventLength,
      onEvent({ id, event: name, data }) {
        for (const message of call.protocol.readEvent({ id, name, data })) listener.received(message)
      },
      onRetry: (ms) => {
        retryMs = Math.min(ms, longestMs)
      },
    })
    await feed(response.body, call.signal, (text) => {
      listener.heard()
      parse(parser, text)
      const id = silentIds.take(text)
      if (id !== undefined) listener.moved(id)
    })
    throw new Failure({ kind: 'ended' })
  }
}

export function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && essenceOf(contentTypeOf(headers)) === 'text/event-stream'
}

/** Parses what came. The parser throws when it is given more behind what is too long for it; it is told of no other error, which would cost. */
export function parse(parser: EventSourceParser, text: string): void {
  try {
    parser.feed(text)
  } catch (error) {
    throw error instanceof Failure ? error : new Failure({ kind: 'oversized' })
  }
}

/**
 * Gives the text of a body as it comes, until its end or until nobody wants it any more. Throws where it breaks off, also where a
 * browser makes an end in order of that.
 */
export async function feed(
  body: NonNullable<Response['body']>,
  signal: AbortSignal,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  const end = new StreamEnd()
  await eachPiece(body, signal, (piece) => {
    const text = decoder.decode(piece, { stream: true })
    end.take(text)
    take(text)
  })
  if (!signal.aborted && end.isCutOff) throw new Failure({ kind: 'ended', isCutOff: true })
}
