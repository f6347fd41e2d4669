import { brokenBody, Failure } from './failure.ts'

type Body = NonNullable<Response['body']>

/**
 * Gives a body in pieces, until its end or until nobody wants it any more. Throws where it breaks off, and what `take` throws.
 *
 * Node's `fetch` does not hear of an abort once its Response has been collected as garbage: the reader has to be told itself, or the
 * request would go on for ever.
 */
export async function eachPiece(body: Body, signal: AbortSignal, take: (piece: Uint8Array) => void): Promise<void> {
  const reader = body.getReader()
  // Where the abort was heard, the stream has failed, and there is nothing left to cancel.
  const stop = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', stop)
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(brokenBody)
      if (done || signal.aborted) return
      take(value)
    }
  } catch (error) {
    stop()
    throw error
  }
}

/** A whole body, if it has at most so many bytes: one without an end must not fill the memory. */
export async function bytesOfBody(response: Response, mostBytes: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  // A browser whose bodies are no streams, or no body.
  if (!response.body) return new Uint8Array(await response.arrayBuffer().catch(brokenBody))
  let bytes = new Uint8Array(1024)
  let length = 0
  await eachPiece(response.body, signal, (piece) => {
    const end = length + piece.length
    if (end > mostBytes) throw new Failure({ kind: 'oversized' })
    if (end > bytes.length) {
      // Twice as much as is there, so that small pieces cost no more than large ones.
      const grown = new Uint8Array(2 * end)
      grown.set(bytes)
      bytes = grown
    }
    bytes.set(piece, length)
    length = end
  })
  // What was read of it until then is no answer.
  if (signal.aborted) throw new Failure({ kind: 'timeout' })
  if (length < lengthOf(response)) throw new Failure({ kind: 'broken', detail: 'shorter than its Content-Length', isBody: true })
  return bytes.slice(0, length)
}

/** The same as text. */
export async function textOfBody(response: Response, mostBytes: number, signal: AbortSignal): Promise<string> {
  return new TextDecoder().decode(await bytesOfBody(response, mostBytes, signal))
}

/**
 * How long a body has to be at least: WebKit shows one that was cut off as one that is whole. 0 where that is not known: an encoded
 * body has another length, and of an answer from another origin a page does not see whether it was encoded.
 */
function lengthOf({ type, status, headers }: Response): number {
  const isComparable = status === 200 && type !== 'cors' && !headers.has('content-encoding')
  return (isComparable && Number(headers.get('content-length'))) || 0
}
