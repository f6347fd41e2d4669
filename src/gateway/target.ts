/** Pure: a backend's URL, or what is wrong with it. The text is checked first, since a URL parser drops tabs and newlines. */
export function readTarget(given: unknown): URL | string {
  const text = typeof given === 'string' ? given : given instanceof URL ? given.href : null
  if (text === null) return 'it must be a string or a URL'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for.
  if (/[\u0000-\u0020\u007f]/.test(text)) return 'it has a space or a control character'
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return 'it is no URL'
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') return 'it must begin with ws:// or wss://'
  if (url.username !== '' || url.password !== '') return 'it has a user name or a password: use the option headers'
  if (text.includes('#')) return 'it has a fragment'
  return url
}

/** Pure: the origin of a URL, as `ws://10.0.0.1:9000`. */
export function originOf({ protocol, host }: URL): string {
  return `${protocol}//${host}`
}

/** Which parameters of the client's query are forwarded to the backend. */
export type QueryRule = boolean | readonly string[]

/** Parameters of steadfast.v1 itself. */
const ownNames: readonly string[] = ['attempt']

/** Pure: the backend's URL with the forwarded parameters of the client's query, which never replace those of the target. */
export function withQuery(target: URL, clientUrl: string, rule: QueryRule): URL {
  const url = new URL(target)
  const mark = clientUrl.indexOf('?')
  if (rule === false || mark < 0) return url
  const fixed = new Set(url.searchParams.keys())
  const isForwarded = (name: string) => !ownNames.includes(name) && !fixed.has(name) && (rule === true || rule.includes(name))
  const kept = clientUrl
    .slice(mark + 1)
    .split('&')
    // The text is kept as it was written, since a backend may parse it in its own way.
    .filter((pair) => pair !== '' && isForwarded(nameOf(pair)))
  if (kept.length > 0) url.search = `?${[url.search.slice(1), ...kept].filter((part) => part !== '').join('&')}`
  return url
}

function nameOf(pair: string): string {
  // It drops the first question mark, which may be the first character of a name.
  const [name = ''] = new URLSearchParams(`?${pair}`).keys()
  return name
}
