import type { Buffer } from 'node:buffer'

/** The longest head of a form before its lines, in bytes: its boundary and the headers of its only part. */
export const maxPartHeadBytes = 1024

/** How many lines a body may have: splitting four million empty ones would take 100 ms. */
const maxLines = 262_144

const blankLine = '\r\n\r\n'

/**
 * Where the lines begin in the received part of a body; -1 while that is unknown. A form (`multipart/form-data`) begins with the
 * head of its part, any other body with the hello itself. Beyond `maxPartHeadBytes` it remains unknown.
 */
export function startOfLines(bytes: Buffer): number {
  const dashes = bytes.subarray(0, 2).toString('latin1')
  if (dashes !== '--') return dashes.length === 2 || (dashes !== '' && dashes !== '-') ? 0 : -1
  const at = bytes.subarray(0, maxPartHeadBytes).indexOf(blankLine)
  return at < 0 ? -1 : at + blankLine.length
}

/**
 * The lines of a body: those of a form's only part, or of the body itself; of a truncated body only the complete lines. `null`
 * for a malformed form, and for too many lines. No line begins with `--`, and none in a form has a CR, so no message can be mistaken for a boundary.
 */
export function linesOf(text: string, isWhole = true): readonly string[] | null {
  if (!text.startsWith('--')) return isWhole ? split(text) : (split(text)?.slice(0, -1) ?? null)
  const delimiter = `\r\n${text.slice(0, Math.max(0, text.slice(0, maxPartHeadBytes).indexOf('\r\n')))}`
  const head = text.slice(0, maxPartHeadBytes).indexOf(blankLine)
  if (head < 0) return isWhole ? null : []
  const end = text.indexOf(delimiter, head + 2)
  if (end >= 0 && !isEnd(text.slice(end + delimiter.length), isWhole)) return null
  if (end < 0 && isWhole) return null
  const lines = split(text.slice(head + blankLine.length, end < 0 ? undefined : end))
  if (end >= 0 || !lines) return lines
  // The delimiter begins with a CR, which belongs to no line.
  return lines.slice(0, -1).map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
}

function split(text: string): readonly string[] | null {
  const lines = text.split('\n', maxLines + 1)
  return lines.length > maxLines ? null : lines
}

/** Whether this may follow the boundary that ends a form: nothing, or an end of line. */
function isEnd(rest: string, isWhole: boolean): boolean {
  return isWhole ? rest === '--' || rest === '--\r\n' : '--\r\n'.startsWith(rest)
}
