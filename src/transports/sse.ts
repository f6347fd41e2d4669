import { createParser } from 'eventsource-parser'
import { brokenBody, Failure, reportOf } from './failure.ts'
import { answered, contentTypeOf, get, postingLink } from './http.ts'
import { StreamEnd } from './stream-end.ts'
import type { Call, Link, Listener, Transport } from './transport.ts'

/** No event of a sane server is longer; beyond, the stream counts as broken. */
export const maxEventLength = 2 ** 26

/**
 * An event stream, read by the WHATWG rules (HTML, "Server-sent events") from a `fetch`, because `EventSource` hides the
 * status, the headers and the comments, and retries by itself. Sending is POST.
 */
export function sse(): Transport {
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
    const response = await get(call, 'sse', 'text/event-stream', call.signal)
    if (!isEventStream(response)) throw new Failure(await answered(response, call))
    if (!response.body) throw new Failure({ kind: 'unsupported', detail: 'streaming fetch' })
    listener.opened()
    let unspokenId: string | undefined
    const parser = createParser({
      maxBufferSize: maxEventLength,
      onEvent({ id, event: name, data }) {
        unspokenId = undefined
        for (const message of call.protocol.readEvent({ id, name, data })) listener.received(message)
      },
      // An id moves the cursor even where no data comes with it.
      onId: (id) => {
        unspokenId = id
      },
      onRetry: (ms) => {
        retryMs = ms
      },
    })
    await feed(response.body, call.signal, (text) => {
      listener.heard()
      parser.feed(text)
      if (unspokenId !== undefined) listener.moved(unspokenId)
      unspokenId = undefined
    })
    throw new Failure({ kind: 'ended' })
  }
}

export function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && contentTypeOf(headers).startsWith('text/event-stream')
}

/**
 * Gives the text of a body as it comes, until its end or until nobody wants it any more. Throws where it breaks off, also where a
 * browser makes an end in order of that.
 *
 * Node's `fetch` does not hear of an abort once its Response has been collected as garbage: the reader has to be told itself, or the
 * request would go on for ever.
 */
export async function feed(
  body: NonNullable<Response['body']>,
  signal: AbortSignal,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder()
  const end = new StreamEnd()
  const reader = body.getReader()
  // Where the abort was heard, the stream has failed, and there is nothing left to cancel.
  signal.addEventListener('abort', () => reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read().catch(brokenBody)
    if (signal.aborted) return
    if (done && end.isCutOff) throw new Failure({ kind: 'ended', isCutOff: true })
    if (done) return
    const text = decoder.decode(value, { stream: true })
    end.take(text)
    take(text)
  }
}
