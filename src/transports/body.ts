import { brokenBody, Failure } from './failure.ts'

type Body = NonNullable<Response['body']>

/**
 * Reads a body in chunks until its end or until the signal is aborted. Throws if it breaks off, and whatever `take` throws.
 *
 * Node's `fetch` misses an abort once its Response has been garbage-collected: the reader must be cancelled too, or the request
 * would go on for ever.
 */
export async function eachPiece(body: Body, signal: AbortSignal, take: (piece: Uint8Array) => void): Promise<void> {
  const reader = body.getReader()
  // If `fetch` handled the abort, the stream has already failed and `cancel()` rejects.
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

/** Reads a whole body of at most `maxBytes`: an endless one must not fill the memory. */
export async function bytesOfBody(response: Response, maxBytes: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  // The browser has no streaming bodies, or the response has no body.
  if (!response.body) return new Uint8Array(await response.arrayBuffer().catch(brokenBody))
  let bytes = new Uint8Array(1024)
  let length = 0
  await eachPiece(response.body, signal, (piece) => {
    const end = length + piece.length
    if (end > maxBytes) throw new Failure({ kind: 'oversized' })
    if (end > bytes.length) {
      // The buffer doubles, so that small chunks cost no more than large ones.
      const grown = new Uint8Array(2 * end)
      grown.set(bytes)
      bytes = grown
    }
    bytes.set(piece, length)
    length = end
  })
  // A partial body is not a response.
  if (signal.aborted) throw new Failure({ kind: 'timeout' })
  if (length < lengthOf(response)) throw new Failure({ kind: 'broken', detail: 'shorter than its Content-Length', isBody: true })
  return bytes.slice(0, length)
}

/** Reads a whole body as text. */
export async function textOfBody(response: Response, maxBytes: number, signal: AbortSignal): Promise<string> {
  return new TextDecoder().decode(await bytesOfBody(response, maxBytes, signal))
}

/**
 * Returns the least length of a body, since WebKit reports a truncated body as complete. 0 if unknown: an encoded body has
 * another length, and a page cannot see whether a cross-origin response was encoded.
 */
function lengthOf({ type, status, headers }: Response): number {
  const isComparable = status === 200 && type !== 'cors' && !headers.has('content-encoding')
  return (isComparable && Number(headers.get('content-length'))) || 0
}
