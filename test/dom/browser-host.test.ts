import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Activation, PageSignal, Violation } from '../../src/api/host.ts'
import { browserHost } from '../../src/host/browser.ts'

const windowTypes = ['online', 'offline', 'pagehide', 'pageshow']
const documentTypes = ['visibilitychange', 'freeze', 'resume', 'securitypolicyviolation']

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { configurable: true, value })
}

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.useRealTimers()
  Reflect.deleteProperty(document, 'visibilityState')
  Reflect.deleteProperty(navigator, 'onLine')
  Reflect.deleteProperty(navigator, 'locks')
  localStorage.clear()
})

describe("the page's signals", () => {
  it('are listened to until stop(), which removes every listener that was added', () => {
    const spies = [globalThis, document].map((target) => ({
      added: vi.spyOn(target, 'addEventListener'),
      removed: vi.spyOn(target, 'removeEventListener'),
    }))
    const calls = (spy: { readonly mock: { readonly calls: readonly (readonly unknown[])[] } }) =>
      spy.mock.calls.map(([type, listener]) => [type, listener])
    const stop = browserHost.listen(() => {})
    expect(spies.map(({ added }) => calls(added).map(([type]) => type))).toEqual([['pagehide', ...windowTypes], documentTypes])
    stop()
    for (const { added, removed } of spies) expect(calls(removed)).toEqual(expect.arrayContaining(calls(added)))
  })

  it('are passed on with their types', () => {
    const signals: (PageSignal | Activation | Violation)[] = []
    const stop = browserHost.listen((signal) => signals.push(signal))
    for (const type of ['online', 'offline', 'pagehide']) globalThis.dispatchEvent(new Event(type))
    globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }))
    for (const type of ['freeze', 'resume']) document.dispatchEvent(new Event(type))
    for (const state of ['hidden', 'visible']) {
      define(document, 'visibilityState', state)
      document.dispatchEvent(new Event('visibilitychange'))
    }
    stop()
    globalThis.dispatchEvent(new Event('online'))
    expect(signals).toEqual([
      { type: 'online' },
      { type: 'offline' },
      { type: 'pagehide' },
      { type: 'pageshow', persisted: true },
      { type: 'pageshow', persisted: false },
      { type: 'freeze' },
      { type: 'resume' },
      { type: 'hidden' },
      { type: 'visible' },
    ])
  })

  it('do not include unload or beforeunload, which would keep the page out of the back/forward cache', () => {
    const added = vi.spyOn(globalThis, 'addEventListener')
    browserHost.listen(() => {})()
    expect(added.mock.calls.map(([type]) => type).filter((type) => type.includes('unload'))).toEqual([])
  })

  it('can be listened to where there is no document', () => {
    vi.stubGlobal('document', undefined)
    vi.stubGlobal('addEventListener', undefined)
    expect(() => browserHost.listen(() => {})()).not.toThrow()
  })
})

describe('the state of the page', () => {
  it('is read whenever isOnline() or isHidden() is called', () => {
    const host = browserHost
    define(navigator, 'onLine', false)
    define(document, 'visibilityState', 'hidden')
    expect([host.isOnline(), host.isHidden()]).toEqual([false, true])
    define(navigator, 'onLine', true)
    define(document, 'visibilityState', 'visible')
    expect([host.isOnline(), host.isHidden()]).toEqual([true, false])
  })

  it('includes the base URL of the document', () => {
    expect(browserHost.baseUrl).toBe(document.baseURI)
    expect(browserHost.isLive).toBe(true)
  })

  it('is not live, online and visible where there is no page', () => {
    for (const name of ['document', 'navigator', 'location', 'performance']) vi.stubGlobal(name, undefined)
    const host = browserHost
    expect([host.isLive, host.isOnline(), host.isHidden(), host.baseUrl]).toEqual([false, true, false, undefined])
    expect(host.roundTripMs(new URL('https://api.example'))).toBeUndefined()
  })

  it('is live in a worker', () => {
    vi.stubGlobal('document', undefined)
    vi.stubGlobal('WorkerGlobalScope', class {})
    expect(browserHost.isLive).toBe(true)
  })
})

describe('the round trip time', () => {
  const here = () => new URL(location.href === 'about:blank' ? 'https://app.example/' : location.href)
  const timing = (entry: object | undefined) =>
    vi.stubGlobal('performance', { getEntriesByType: (type: string) => (type === 'navigation' && entry ? [entry] : []) })
  const whole = { connectStart: 10, connectEnd: 70, secureConnectionStart: 40, requestStart: 70, responseStart: 170 }
  beforeEach(() => vi.stubGlobal('location', new URL('https://app.example/page')))

  it.each([
    ['is that of the TCP handshake', whole, 30],
    ['is that of the TCP handshake without TLS', { ...whole, secureConnectionStart: 0 }, 60],
    ['is that of the request on a reused connection', { ...whole, connectEnd: 10, secureConnectionStart: 0 }, 100],
  ])('%s', (_, entry, expected) => {
    timing(entry)
    expect(browserHost.roundTripMs(here())).toBe(expected)
  })

  it('is unknown for another host, and if nothing was measured', () => {
    timing(whole)
    expect(browserHost.roundTripMs(new URL('https://api.example'))).toBeUndefined()
    timing(undefined)
    expect(browserHost.roundTripMs(here())).toBeUndefined()
    vi.stubGlobal('performance', {})
    expect(browserHost.roundTripMs(here())).toBeUndefined()
  })
})

describe('storage', () => {
  it('stores, returns and removes a value', () => {
    const host = browserHost
    expect(host.recall('key')).toBeNull()
    host.remember('key', 'value')
    expect(host.recall('key')).toBe('value')
    host.remember('key', null)
    expect(localStorage.length).toBe(0)
  })

  it('that is forbidden behaves as if it were empty', () => {
    const forbidden = () => {
      throw new DOMException('no', 'SecurityError')
    }
    vi.stubGlobal('localStorage', { getItem: forbidden, setItem: forbidden, removeItem: forbidden })
    const host = browserHost
    expect(host.recall('key')).toBeNull()
    expect(() => host.remember('key', 'value')).not.toThrow()
    expect(() => host.remember('key', null)).not.toThrow()
  })
})

describe('slots over all tabs', () => {
  /** A fake of the part of Web Locks that is used. */
  function locksOf(taken: Set<string>) {
    return {
      request: (name: string, options: unknown, run: (lock: object | null) => Promise<void> | undefined) => {
        expect(options).toEqual({ ifAvailable: true })
        if (taken.has(name)) return Promise.resolve(run(null))
        taken.add(name)
        return Promise.resolve(run({ name })).then(() => void taken.delete(name))
      },
    }
  }

  it('claim() takes the first free slot, and its result releases it', async () => {
    const taken = new Set(['a'])
    define(navigator, 'locks', locksOf(taken))
    const release = await browserHost.claim(['a', 'b', 'c'])
    expect([...taken]).toEqual(['a', 'b'])
    release?.()
    await vi.waitFor(() => expect([...taken]).toEqual(['a']))
  })

  it('claim() resolves with null when all slots are taken', async () => {
    define(navigator, 'locks', locksOf(new Set(['a', 'b'])))
    expect(await browserHost.claim(['a', 'b'])).toBeNull()
  })

  it('claim() always grants a slot where locks are missing or forbidden', async () => {
    define(navigator, 'locks', undefined)
    expect(await browserHost.claim(['a'])).toBeTypeOf('function')
    define(navigator, 'locks', { request: () => Promise.reject(new DOMException('no', 'SecurityError')) })
    const release = await browserHost.claim(['a'])
    expect(() => release?.()).not.toThrow()
  })
})

describe('the rest of the platform', () => {
  it('a timer runs once and can be cancelled, and one with a very long delay does not run at once', () => {
    vi.useFakeTimers()
    const host = browserHost
    let runs = 0
    const run = () => {
      runs += 1
    }
    host.after(10, run)
    host.after(10, run)()
    const cancel = host.after(2 ** 40, run)
    vi.advanceTimersByTime(20)
    expect(runs).toBe(1)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
  })

  it("an application's error goes to reportError(), or is thrown in a task of its own", () => {
    const reported = vi.fn()
    vi.stubGlobal('reportError', reported)
    browserHost.report('mistake')
    expect(reported).toHaveBeenCalledWith('mistake')
    vi.stubGlobal('reportError', undefined)
    vi.useFakeTimers()
    browserHost.report(new Error('mistake'))
    expect(() => vi.runAllTimers()).toThrow('mistake')
  })

  it('fetch and WebSocket may be missing', () => {
    vi.stubGlobal('fetch', undefined)
    vi.stubGlobal('WebSocket', undefined)
    expect([browserHost.fetch, browserHost.WebSocket]).toEqual([undefined, undefined])
  })

  it('fetch is looked up at each call', async () => {
    const host = browserHost
    const later = vi.fn(() => Promise.resolve(new Response('x')))
    vi.stubGlobal('fetch', later)
    await host.fetch?.('https://api.example/', { method: 'POST' })
    expect(later).toHaveBeenCalledWith('https://api.example/', { method: 'POST' })
  })

  it('random and now are those of the platform', () => {
    const { random, now } = browserHost
    expect(random()).toBeLessThan(1)
    expect(Math.abs(now() - Date.now())).toBeLessThan(1000)
  })
})
