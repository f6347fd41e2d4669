/** Returns type and subtype of a `Content-Type` in lower case (WHATWG MIME Sniffing, "essence"); `''` if there is none. */
export function essenceOf(contentType: string): string {
  return contentType
    .replace(/[;,].*/s, '')
    .trim()
    .toLowerCase()
}

/** Whether the content type is HTML: never a message, nor the acceptance of one. */
export function isPage(contentType: string): boolean {
  return /^(text\/html|application\/xhtml\+xml)$/.test(essenceOf(contentType))
}

/**
 * The starts of an HTML resource of unknown type (https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type),
 * also after an XML declaration. The group has the elements that are as likely in a fragment of HTML as in a page.
 */
const htmlStart =
  /^\s*<(?:\?xml[^>]*>\s*<(?=!d|html))?(?:!--|(?:!doctype html|html|head|script|iframe|style|title|body|(h1|div|font|table|a|b|br|p))[\s>])/i

/**
 * Returns `text/html` if a resource without a content type is HTML, else `''`. Where messages are expected it takes a fragment
 * (`isMessage`) for one: an application may well send `<p>Hello</p>`.
 */
export function sniffed(start: string, isMessage = false): string {
  const match = htmlStart.exec(start)
  return match && !(isMessage && match[1]) ? 'text/html' : ''
}

/** Parses an HTTP date to a time in ms, `NaN` if it is none. Its asctime format has no zone, but is UTC (RFC 9110 §5.6.7). */
export function dateOf(text: string | null): number {
  return Date.parse(`${text}`.replace(/ \d{4}$/, '$& GMT'))
}

/** Whether a value can be a header name or a subprotocol (RFC 9110 §5.6.2, "token"). */
export function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(value)
}

/** Whether a text can be a header value: Latin-1 without control characters except the tab (RFC 9110 §5.5). */
export function isFieldValue(value: string): boolean {
  return /^[\t -~\x80-\xff]*$/.test(value)
}

/** Returns what is wrong with subprotocols, as the end of a sentence; `undefined` if they are valid. */
export function wrongSubprotocol(offered: unknown): string | undefined {
  if (!Array.isArray(offered)) return 'which are no list'
  const wrong = offered.findIndex((each, index) => !isToken(each) || offered.indexOf(each) < index)
  if (wrong < 0) return undefined
  return `of which number ${wrong + 1} is no token (letters, digits and !#$%&'*+-.^_\`|~, as in base64url without padding) or is there twice`
}

/** Returns what is wrong with query parameters, as the end of a sentence without their values; `undefined` if they are valid. */
export function wrongQuery(query: unknown): string | undefined {
  if (!isPlain(query)) return 'which is no plain object of names and values'
  const wrong = Object.entries(query).find(([, value]) => ![value].flat().every(isText))
  return wrong && `of which the value of ${wrong[0]} is no string`
}

function isPlain(given: unknown): given is object {
  return typeof given === 'object' && !!given && !(Symbol.iterator in given)
}

/** Whether a value has a text that can be meant: not `undefined`, nor an object, which would be sent as `[object Object]`. */
function isText(value: unknown): boolean {
  return /^(string|number|boolean)$/.test(typeof value)
}

/** Returns what is wrong with request headers, as the end of a sentence without their values; `undefined` if they are valid. */
export function wrongHeader(headers: unknown): string | undefined {
  if (!isPlain(headers)) return 'which are no plain object of names and values'
  for (const [name, value] of Object.entries(headers)) {
    if (!isToken(name)) return `of which the name ${JSON.stringify(name)} has characters that a name of a header cannot have`
    if (!isText(value)) return `of which the value of ${name} is no string`
    // Browsers trim white space around it.
    if (!isFieldValue(String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')))
      return `of which the value of ${name} has characters that no header can hold: encode it, for instance by encodeURIComponent()`
  }
  return undefined
}

/** Returns the UTF-8 of a text as a `ByteString`, which `fetch` requires for header values: one character per byte. */
export function byteString(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('')
}
