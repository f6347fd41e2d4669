/** The type and subtype of a `Content-Type`, in lower case (WHATWG MIME Sniffing, "essence"); `''` where there is none. */
export function essenceOf(contentType: string): string {
  return contentType
    .replace(/[;,].*/s, '')
    .trim()
    .toLowerCase()
}

/** Whether that is a page for people: never a message, nor the acceptance of one. */
export function isPage(contentType: string): boolean {
  return /^(text\/html|application\/xhtml\+xml)$/.test(essenceOf(contentType))
}

/** What a browser takes for the type of an answer that names none (WHATWG MIME Sniffing §7.1), as far as it is a whole page. */
export function sniffed(start: string): string {
  return /^\s*<(!doctype html|html)[\s>]/i.test(start) ? 'text/html' : ''
}

/** Whether it can be the name of a header, or a subprotocol (RFC 9110 §5.6.2). */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)
}

/** Whether it can be the value of a header: one byte a character and no control character but the tab (RFC 9110 §5.5). */
export function isFieldValue(value: string): boolean {
  return /^[\t -~\x80-\xff]*$/.test(value)
}

/** What of subprotocols no WebSocket takes, as the end of a sentence; `undefined` where all is well. */
export function wrongSubprotocol(offered: unknown): string | undefined {
  if (!Array.isArray(offered)) return 'which are no list'
  const wrong = offered.findIndex((each, index) => !isToken(each) || offered.indexOf(each) < index)
  if (wrong < 0) return undefined
  return `of which number ${wrong + 1} is no token (letters, digits and !#$%&'*+-.^_\`|~, as in base64url without padding) or is there twice`
}

/** What of request headers no browser sends, as the end of a sentence that tells no value; `undefined` where all is well. */
export function wrongHeader(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || !headers || Symbol.iterator in headers)
    return 'which are no plain object of names and values'
  for (const [name, value] of Object.entries(headers)) {
    if (!isToken(name)) return `of which the name ${JSON.stringify(name)} has characters that a name of a header cannot have`
    // Browsers cut off white space around it.
    if (!isFieldValue(String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')))
      return `of which the value of ${name} has characters that no header can hold: encode it, for instance by encodeURIComponent()`
  }
  return undefined
}

/** The UTF-8 of a text as `fetch` wants header values: one character for each byte. */
export function byteString(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
}
