import { Buffer } from 'node:buffer'

/** A character with the same meaning in a path segment (RFC 3986 §3.3), encoded or not. */
const literal = /^[\w\-.~!$&'()*+,;=:@]$/

/**
 * The path of a request target, normalized for comparison; `null` if the target has none (`*`, `host:443`). Never throws. The
 * target may be in absolute form, which a server must accept (RFC 9112 §3.2.2). Percent-encoded letters equal the letters, and
 * one slash at the end does not matter, but `%2F` is not a slash.
 */
export function pathOfTarget(target: string): string | null {
  const rest = target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '')
  const [path = ''] = rest.split(/[?#]/, 1)
  const whole = path === '' && rest !== target ? '/' : path
  if (!whole.startsWith('/')) return null
  const trimmed = whole.endsWith('/') ? whole.slice(0, -1) : whole
  return trimmed.replace(/%([\da-f]{2})|[^\w\-.~!$&'()*+,;=:@/]/gi, (character, hex: string | undefined) => {
    const decoded = hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16))
    if (literal.test(decoded)) return decoded
    return `%${decoded.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** The same for a path in an option, where characters beyond ASCII represent their bytes in UTF-8. */
export function pathOfOption(path: string): string | null {
  return pathOfTarget(Buffer.from(path).toString('latin1'))
}
