import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { codes } from '../../wire/steadfast-v1.ts'
import type { ServerHost } from '../node/host.ts'
import { refuseAndDestroy } from './raw-response.ts'

/** Node's error for a request that it could not parse. */
export interface ClientError extends Error {
  readonly code?: string
  /** The bytes available when parsing failed, and how many of them were parsed. */
  readonly rawPacket?: Uint8Array
  readonly bytesParsed?: number
}

/**
 * The target of the request that could not be parsed; `null` if the available bytes do not contain it: they may be the middle of
 * a request, or not HTTP.
 */
export function targetOfError({ rawPacket, bytesParsed = 0 }: ClientError): string | null {
  if (!rawPacket) return null
  const text = Buffer.from(rawPacket.buffer, rawPacket.byteOffset, rawPacket.byteLength).toString('latin1')
  // Earlier requests in the same bytes were parsed.
  const before = text.lastIndexOf('\r\n\r\n', bytesParsed - 4)
  const line = before < 0 || bytesParsed < 4 ? text : text.slice(before + 4)
  return /^(?:\r?\n)*[A-Z-]+ (\/[^ \r\n]*|[a-z][a-z\d+.-]*:\/\/[^ \r\n]*|\*)/i.exec(line)?.[1] ?? null
}

/** Answers in place of Node: its 408 makes browsers send the request again, and its 431 tells a steadfast client nothing. */
export function answerClientError(error: ClientError, socket: Duplex, after: ServerHost['after']): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW'
  const isSlow = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
  refuseAndDestroy(
    socket,
    isTooLarge
      ? { code: codes.tooLarge, reason: 'the headers are too large' }
      : isSlow
        ? { code: codes.silent, reason: 'the request came too slowly' }
        : { code: codes.protocolError, reason: 'no HTTP that could be read' },
    after,
    { 'Access-Control-Allow-Origin': '*' },
  )
}
