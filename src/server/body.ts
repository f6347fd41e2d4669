import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { ServerHost } from './host.ts'
import { linesOf } from './lines.ts'

/** What came of a body. Of one that broke off, the lines that are whole. */
export type Body =
  | { readonly type: 'whole' | 'broken' | 'slow'; readonly lines: readonly string[] }
  | { readonly type: 'too-large' }

/** Slower than this is no slow link but somebody who holds the server up. */
const leastBytesPerMs = 5

/** Reads a body as lines, no further than it may be long, and no longer than it may take. Never rejects. */
export function readBody(request: IncomingMessage, maxBytes: number, timeoutMs: number, host: ServerHost): Promise<Body> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    const startedAt = host.now()
    let cancelLimit = host.after(timeoutMs, checkLimit)
    request.on('data', take)
    request.on('end', end)
    request.on('error', broken)
    request.on('close', broken)
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) settle({ type: 'too-large' })

    function take(chunk: Buffer) {
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) settle({ type: 'too-large' })
    }

    function checkLimit() {
      const leftMs = timeoutMs + length / leastBytesPerMs - (host.now() - startedAt)
      if (leftMs <= 0) settle({ type: 'slow', lines: wholeLines() })
      else cancelLimit = host.after(leftMs, checkLimit)
    }

    function end() {
      settle({ type: 'whole', lines: linesOf(Buffer.concat(chunks).toString()) ?? [] })
    }

    function broken() {
      settle({ type: 'broken', lines: wholeLines() })
    }

    function wholeLines(): readonly string[] {
      return linesOf(Buffer.concat(chunks).toString(), false) ?? []
    }

    function settle(body: Body) {
      cancelLimit()
      request.off('data', take)
      request.off('end', end)
      request.off('error', broken)
      request.off('close', broken)
      // A request without a listener for its error ends the process.
      request.on('error', () => {})
      resolve(body)
    }
  })
}
