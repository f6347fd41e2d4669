import type { Call, Link, Listener, Transport } from '../api/transport.ts'
import { essenceOf } from '../util/http-fields.ts'
import { longestMs } from '../wire/readers.ts'
import { EventStream, readEventStream } from './event-stream.ts'
import { Failure, reportOf } from './failure.ts'
import { askHost } from './host-question.ts'
import { answered, contentTypeOf, get, postingLink } from './http.ts'

/**
 * An event stream, parsed by the WHATWG rules (HTML, "Server-sent events") and read with `fetch`, because `EventSource` hides the
 * status, the headers and the comments, and reconnects by itself. Messages are sent by POST.
 *
 * @param isPatient whether the stream counts as open when its host answers another request, though no response head has arrived
 * (the server did not send it, or Firefox withholds it until the body begins): only if the client has no polling transport
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
    const stream = new EventStream({
      onEvent(event) {
        for (const message of call.protocol.readEvent(event)) listener.received(message)
      },
      onId: listener.moved,
      onRetry(ms) {
        retryMs = Math.min(ms, longestMs)
      },
    })
    await readEventStream(response.body, call.signal, stream, listener.heard)
    throw new Failure({ kind: 'ended' })
  }
}

export function isEventStream({ status, headers }: Response): boolean {
  return status === 200 && essenceOf(contentTypeOf(headers)) === 'text/event-stream'
}
