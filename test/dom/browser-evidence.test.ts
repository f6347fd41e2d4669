import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Activation, PageSignal, Violation } from '../../src/api/host.ts'
import { browserHost } from '../../src/host/browser.ts'

afterEach(() => void vi.unstubAllGlobals())

describe('what the policy forbids', () => {
  const violation = (type = 'securitypolicyviolation') =>
    Object.assign(new Event(type), { blockedURI: 'wss://api.example', effectiveDirective: 'connect-src', sample: 'x' })

  it('is told by the document', () => {
    const signals: (PageSignal | Activation | Violation)[] = []
    const stop = browserHost.listen((signal) => signals.push(signal))
    document.dispatchEvent(violation())
    stop()
    document.dispatchEvent(violation())
    expect(signals).toEqual([{ type: 'violation', blockedUrl: 'wss://api.example', directive: 'connect-src' }])
  })

  it('is told to a worker itself', () => {
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

describe('whose browser it is', () => {
  const webkit = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'

  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'firefox'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36', 'chromium'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0', 'chromium'],
    ['Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36', 'chromium'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Version/26.0 Safari/605.1.15`, 'webkit'],
    // All browsers of an iPhone are Safari inside.
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webkit} CriOS/142.0 Mobile/15E148 Safari/604.1`, 'webkit'],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webkit} FxiOS/140.0 Mobile/15E148 Safari/605.1.15`, 'webkit'],
    ['Node.js/20', 'other'],
    ['', 'other'],
  ])('%s', (userAgent, engine) => {
    vi.stubGlobal('navigator', { userAgent })
    expect(browserHost.engine()).toBe(engine)
  })

  it('is nobody’s without a page', () => {
    vi.stubGlobal('navigator', undefined)
    expect(browserHost.engine()).toBe('other')
  })
})

it('where the page came from is its origin', () => {
  vi.stubGlobal('location', { origin: 'https://app.example' })
  expect(browserHost.pageOrigin).toBe('https://app.example')
  vi.stubGlobal('location', undefined)
  expect(browserHost.pageOrigin).toBeUndefined()
})

it('and not that of its address: a page of srcdoc has none, a sandboxed one an opaque origin', () => {
  vi.stubGlobal('location', { origin: 'null' })
  vi.stubGlobal('origin', 'https://app.example')
  expect(browserHost.pageOrigin).toBe('https://app.example')
  vi.stubGlobal('location', { origin: 'https://app.example' })
  vi.stubGlobal('origin', 'null')
  expect(browserHost.pageOrigin).toBe('null')
})
