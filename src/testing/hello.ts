import type { Hello } from '../wire/steadfast-v1.ts'
import { utf8Of } from './bytes.ts'

/** Parses an attachment's hello (docs/PROTOCOL.md). The client of this package wrote it, so it is not checked. */
export function readHello(text: string): Hello {
  return JSON.parse(text)
}

/** The hello in a WebSocket's subprotocol. */
export function helloOfToken(token: string): Hello {
  const base64 = token.slice(2).replaceAll('-', '+').replaceAll('_', '/')
  return readHello(utf8Of(base64))
}

/** The lines of a POST, the hello and the frames after it; removes the multipart form if there is one. */
export function linesOf(body: string): readonly string[] {
  const lines = body.split(/\r?\n/)
  if (!body.startsWith('--')) return lines.filter((line) => line !== '')
  const from = lines.indexOf('') + 1
  return lines.slice(from).filter((line) => line !== '' && !line.startsWith('--'))
}
