import { fail } from '../util/check-options.ts'
import { tagOf } from '../util/type-tags.ts'

/** A base to parse a relative URL against while there is no page, to see whether it is valid. */
const anywhere = 'http://localhost/'

/** A URL that may be relative to the page, which is missing in server-side rendering. */
export interface LazyUrl {
  /** Whether the URL can be resolved. */
  readonly isKnown: boolean
  /** @throws TypeError if the URL is relative and there is no base */
  get(): URL
}

/**
 * Resolves a URL at once if possible, otherwise at the first `get()`, which is the first dial.
 * @throws TypeError at once for a value that is no valid URL against any base
 */
export function lazyUrl(value: unknown, base: { readonly baseUrl: string | undefined } | LazyUrl, name = 'url'): LazyUrl {
  const baseUrl = () => ('get' in base ? base.get().href : base.baseUrl)
  const isKnown = 'get' in base ? base.isKnown : base.baseUrl !== undefined
  const isAbsolute = typeof value !== 'string' || /^[a-z][a-z\d+.-]*:/i.test(value.trim())
  let url: URL | null = isKnown || isAbsolute ? urlOf(name, value, isKnown ? baseUrl() : anywhere) : null
  if (!url) urlOf(name, value, anywhere)
  return {
    isKnown: !!url,
    get() {
      url ??= urlOf(name, value, baseUrl())
      return url
    },
  }
}

/** Parses a URL, with ws(s) as http(s); each transport converts it to the scheme that it needs. */
export function urlOf(name: string, value: unknown, base: string | undefined): URL {
  let url: URL | undefined
  try {
    if (typeof value === 'string' || tagOf(value) === 'URL') url = new URL(String(value).replace(/^ws(?=s?:)/i, 'http'), base)
  } catch {}
  if (!url || !/^https?:$/.test(url.protocol)) {
    const place = base === undefined ? ' where there is no page to which it is relative' : ', or one relative to the page'
    return fail(name, value, `an http(s) or ws(s) URL${place}`)
  }
  url.hash = ''
  return url
}
