import { fail } from '../util/check-options.ts'
import { tagOf } from '../util/type-tags.ts'

/** What a relative URL is read against, where there is nothing else, to see whether it is one. */
const anywhere = 'http://localhost/'

/** A URL that may be relative to a page, which server-side rendering has not. */
export interface LazyUrl {
  /** Whether it is known where it leads. */
  readonly isKnown: boolean
  /** @throws TypeError where it is relative, and there is nothing that it could be relative to */
  get(): URL
}

/**
 * Resolves a URL at once where that is possible, and otherwise when it is asked for first: at the first dial.
 * @throws TypeError at once for what can be no URL, whatever it is relative to
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

/** ws and wss are http and https with another name; each transport takes the form that it needs. */
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
