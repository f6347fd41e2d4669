import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Activation, PageSignal, Violation } from '../../src/api/host.ts'
import { browserHost } from '../../src/host/browser.ts'

afterEach(() => void vi.unstubAllGlobals())

describe('a violation of the Content Security Policy', () => {
  const violation = (type = 'securitypolicyviolation') =>
    Object.assign(new Event(type), { blockedURI: 'wss://api.example', effectiveDirective: 'connect-src', sample: 'x' })

  it('is read from the event of the document', () => {
    const signals: (PageSignal | Activation | Violation)[] = []
    const stop = browserHost.listen((signal) => signals.push(signal))
    document.dispatchEvent(violation())
    stop()
    document.dispatchEvent(violation())
    expect(signals).toEqual([{ type: 'violation', blockedUrl: 'wss://api.example', directive: 'connect-src' }])
  })

  it('is read from the event of the global scope in a worker', () => {
    const worker = new EventTarget()
    vi.stubGlobal('document', undefined)
    vi.stubGlobal('addEventListener', worker.addEventListener.bind(worker))
    vi.stubGlobal('removeEventListener', worker.removeEventListener.bind(worker))
    const signals: (PageSignal | Activation | Violation)[] = []
    const stop = browserHost.listen((signal) => signals.push(signal))
    worker.dispatchEvent(violation())
    stop()
    worker.dispatchEvent(violation())
    expect(signals).toEqual([{ type: 'violation', blockedUrl: 'wss://api.example', directive: 'connect-src' }])
  })
})

describe('the browser engine', () => {
  const webkit = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'

  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'firefox'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36', 'chromium'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0', 'chromium'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36', 'chromium'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Version/26.0 Safari/605.1.15`, 'webkit'],
    // All browsers on an iPhone use WebKit.
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webkit} CriOS/142.0 Mobile/15E148 Safari/604.1`, 'webkit'],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webkit} FxiOS/140.0 Mobile/15E148 Safari/605.1.15`, 'webkit'],
    ['Node.js/20', 'other'],
    ['', 'other'],
  ])('is recognized by the user agent: %s', (userAgent, engine) => {
    vi.stubGlobal('navigator', { userAgent })
    expect(browserHost.engine()).toBe(engine)
  })

  it('is other without a navigator', () => {
    vi.stubGlobal('navigator', undefined)
    expect(browserHost.engine()).toBe('other')
  })
})

it('pageOrigin is the origin of the location, and undefined without one', () => {
  vi.stubGlobal('location', { origin: 'https://app.example' })
  expect(browserHost.pageOrigin).toBe('https://app.example')
  vi.stubGlobal('location', undefined)
  expect(browserHost.pageOrigin).toBeUndefined()
})

it('pageOrigin is the global origin if that differs: of a srcdoc page it is inherited, of a sandboxed one opaque', () => {
  vi.stubGlobal('location', { origin: 'null' })
  vi.stubGlobal('origin', 'https://app.example')
  expect(browserHost.pageOrigin).toBe('https://app.example')
  vi.stubGlobal('location', { origin: 'https://app.example' })
  vi.stubGlobal('origin', 'null')
  expect(browserHost.pageOrigin).toBe('null')
})
