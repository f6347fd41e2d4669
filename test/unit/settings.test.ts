import { describe, expect, it } from 'vitest'
import type { RealtimeOptions } from '../../src/api/options.ts'
import { withDefaults } from '../../src/client/defaults.ts'
import { json } from '../../src/client/json.ts'
import { type Settings, settingsOf } from '../../src/client/settings.ts'
import { hostNames } from '../../src/host/browser.ts'
import { durableStreams, mercure } from '../../src/protocols/index.ts'
import { plain } from '../../src/protocols/plain.ts'
import { session } from '../../src/session/index.ts'
import { shared } from '../../src/shared/index.ts'
import { diagnosisOf, findings } from '../support/machine-driver.ts'
import { manualPage } from '../support/manual-host.ts'

const page = manualPage()
const context = { attempt: 1, outageMs: 0, diagnosis: diagnosisOf(findings.refused, 'connect') }

/** Options as JavaScript gives them, unchecked. */
function settle(options: object = {}, url: unknown = '/realtime', host = page.host): Settings {
  return settingsOf(url, withDefaults(options as RealtimeOptions), host, hostNames)
}

describe('without options', () => {
  it('everything has its documented default', () => {
    const { endpoints, url, mode, retry, ...rest } = settle()
    expect(url.get().href).toBe('https://app.example/realtime')
    expect(endpoints.map(({ transport }) => transport.type)).toEqual(['websocket', 'sse', 'long-poll', 'poll'])
    expect(endpoints.every((way) => way.url === url && way.sendUrl === url && !way.subprotocols.length)).toBe(true)
    expect([mode.name, mode.heartbeat()]).toEqual(['plain', null])
    expect(retry(context)).toBe(500)
    expect(rest).toEqual({
      outbox: { maxMessages: 100_000, maxBytes: 16_777_216, overflow: 'reject', ttlMs: Infinity },
      connectTimeoutMs: 10_000,
      raceAfterMs: null,
      provingMs: 5000,
      credentials: 'same-origin',
      autoConnect: true,
      probe: true,
    })
  })

  it("a session has `credentials: 'include'`, which sends cookies to other origins too", () => {
    expect(settle({ protocol: session() }).credentials).toBe('include')
  })

  it('a client connects by itself only in a page or a worker', () => {
    expect(settle({}, '/', manualPage({ isLive: false }).host).autoConnect).toBe(false)
    expect(settle({ autoConnect: true }, '/', manualPage({ isLive: false }).host).autoConnect).toBe(true)
  })

  it('an option that is undefined has its default', () => {
    expect(settle({ transports: undefined, retry: undefined, outbox: undefined, raceAfterMs: undefined }).raceAfterMs).toBeNull()
  })
})

describe('the URL', () => {
  it.each([
    ['ws://api.example/x', 'http://api.example/x'],
    ['WSS://api.example/x', 'https://api.example/x'],
    ['http://api.example/x#part', 'http://api.example/x'],
    ['../x?a=1', 'https://app.example/x?a=1'],
    ['//other.example/x', 'https://other.example/x'],
    [new URL('https://api.example/x'), 'https://api.example/x'],
  ])('%s is resolved to %s', (given, href) => {
    expect(settle({}, given).url.get().href).toBe(href)
  })

  it.each(['ftp://api.example', 'javascript:alert(1)', 'https://'])('%s is refused', (url) => {
    expect(() => settle({}, url)).toThrow(
      new TypeError(`RealtimeClient: url must be an http(s) or ws(s) URL, or one relative to the page; it was '${url}'.`),
    )
  })

  it('if it is relative, needs a page only when it is read, and then keeps it', () => {
    let baseUrl: string | undefined
    const host = {
      ...page.host,
      get baseUrl() {
        return baseUrl
      },
    }
    const transports = ['websocket', { type: 'sse', url: 'events', sendUrl: '../send' }]
    const settings = settle({ transports }, '/realtime/', host)
    expect(settings.autoConnect).toBe(false)
    expect(() => settings.url.get()).toThrow(
      new TypeError(
        "RealtimeClient: url must be an http(s) or ws(s) URL where there is no page to which it is relative; it was '/realtime/'.",
      ),
    )
    expect(() => settings.endpoints[1]?.sendUrl.get()).toThrow(TypeError)
    baseUrl = 'https://app.example/x/'
    expect(settings.url.get().href).toBe('https://app.example/realtime/')
    expect(settings.endpoints.map(({ url, sendUrl }) => [url.get().href, sendUrl.get().href])).toEqual([
      ['https://app.example/realtime/', 'https://app.example/realtime/'],
      ['https://app.example/realtime/events', 'https://app.example/send'],
    ])
    baseUrl = 'https://elsewhere.example/'
    expect(settings.url.get().href).toBe('https://app.example/realtime/')
    expect(settle({}, 'wss://api.example', { ...page.host, baseUrl: undefined }).url.get().href).toBe('https://api.example/')
  })

  it.each(['ftp://x', 'http://[', 'https://', 'mailto:x', 42, null, {}])('%j is refused without a page, too', (url) => {
    expect(() => settle({}, url, { ...page.host, baseUrl: undefined })).toThrow(/: url must be/)
    const transports = [{ type: 'sse', url }]
    expect(() => settle({ transports }, '/', { ...page.host, baseUrl: undefined })).toThrow(/: transports\[0\]\.url must be/)
  })
})

it('are plain data: reading a member runs no code', () => {
  const settings = settle()
  const accessors = [settings, ...settings.endpoints].flatMap((each) =>
    Object.entries(Object.getOwnPropertyDescriptors(each)).filter(([, { get }]) => get),
  )
  expect(accessors).toEqual([])
})

describe('transports', () => {
  it('may have their own URLs and settings', () => {
    const { endpoints } = settle({
      transports: [
        { type: 'websocket', url: 'wss://ws.example/x', subprotocols: ['v1'] },
        { type: 'sse', url: '/events', sendUrl: '/messages' },
        { type: 'long-poll', timeoutMs: 1000 },
        { type: 'poll', sendUrl: 'send', intervalMs: 1 },
      ],
    })
    expect(endpoints.map(({ url, sendUrl, subprotocols }) => [url.get().href, sendUrl.get().href, subprotocols])).toEqual([
      ['https://ws.example/x', 'https://ws.example/x', ['v1']],
      ['https://app.example/events', 'https://app.example/messages', []],
      ['https://app.example/realtime', 'https://app.example/realtime', []],
      ['https://app.example/realtime', 'https://app.example/send', []],
    ])
  })

  it('may send batches with a protocol that leaves the body of a message as it is', () => {
    const { endpoints } = settle({ protocol: mercure(), transports: [{ type: 'sse', sendBatch: 'ndjson' }] })
    expect(endpoints.map(({ sendBatch }) => sendBatch)).toEqual(['ndjson'])
  })

  it('may be custom objects', () => {
    const own = { type: 'carrier-pigeon', dial: () => ({}) }
    expect(settle({ transports: [own] }).endpoints[0]?.transport).toBe(own)
  })
})

it('an error shows only the beginning of a long value', () => {
  const text = 'y'.repeat(100_000)
  for (const value of [text, [text], { [text]: 1 }, 10n ** 1000n])
    for (const options of [{ transports: value }, { transport: value }, { debug: value }, { [text]: value }])
      expect(() => settle(options as never)).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,900}$/s) }))
})

describe('a bad option throws a TypeError that says what it was and what it may be', () => {
  it.each<[object, RegExp]>([
    [
      { transport: ['sse'] },
      /: unknown option 'transport'; did you mean 'transports'\? There are transports, protocol, .*; it was \["sse"\]\.$/,
    ],
    [{ transports: 'sse' }, /: transports must be .*; it was 'sse'\.$/],
    [{ transports: null }, /: transports must be .*; it was null\.$/],
    [{ transports: [] }, /: transports must be a list of at least one transport; it was \[\]\.$/],
    [{ transports: ['sse', 'ws'] }, /: transports\[1\] must be one of websocket, sse, long-poll, poll; it was 'ws'\.$/],
    [{ transports: [{ type: 'sockjs' }] }, /: transports\[0\] must be one of websocket, .*; it was 'sockjs'\.$/],
    [{ transports: [null] }, /: transports\[0\] must be one of .*; it was null\.$/],
    [{ transports: [{ type: 'sse', url: 'ftp://x' }] }, /: transports\[0\]\.url must be .*; it was 'ftp:\/\/x'\.$/],
    [
      { transports: [{ type: 'sse', sendBatch: 'json' }] },
      /: transports\[0\]\.sendBatch must be one of ndjson; it was 'json'\.$/,
    ],
    [{ transports: [{ type: 'websocket', sendBatch: 'ndjson' }] }, /unknown option 'transports\[0\]\.sendBatch'/],
    [{ protocol: session(), transports: [{ type: 'poll', sendBatch: 'ndjson' }] }, /unknown option 'transports\[0\]\.sendBatch'/],
    [{ transports: [{ type: 'sse', sendUrl: 'ftp://x' }] }, /: transports\[0\]\.sendUrl must be .*; it was 'ftp:\/\/x'\.$/],
    [{ transports: [{ type: 'long-poll', timeoutMs: -1 }] }, /: transports\[0\]\.timeoutMs must be a number .*; it was -1\.$/],
    [{ transports: ['sse', { type: 'poll', intervalMs: '5s' }] }, /: transports\[1\]\.intervalMs must be .*; it was '5s'\.$/],
    [
      { transports: [{ type: 'own', dial: 1 }] },
      /: transports\[0\] must be a Transport with .*; it was \{"type":"own","dial":1\}\.$/,
    ],
    [{ transports: [{ dial() {} }] }, /: transports\[0\] must be a Transport with/],
    [{ protocol: 'session2' }, /: protocol must be 'plain', session\(\) or a Protocol; it was 'session2'\.$/],
    [
      { protocol: session(), transports: [{ type: 'sse', sendUrl: '/x' }] },
      /: unknown option 'transports\[0\]\.sendUrl'; did you mean 'transports\[0\]\.url'\? There are type, url; it was/,
    ],
    [{ protocol: session(), heartbeat: {} }, /: heartbeat must be left out: the server sets it/],
    [
      { protocol: 'session' },
      /: protocol must be session\(\), .*import \{ session \} from 'steadfast\/session'; it was 'session'\.$/,
    ],
    [{ protocol: null }, /: protocol must be 'plain', session\(\) or a Protocol; it was null\.$/],
    [{ protocol: {} }, /: protocol must be 'plain', session\(\) or a Protocol; it was \{\}\.$/],
    [
      { protocol: { ...plain(), readevent: plain().readEvent, readEvent: undefined } },
      /: protocol\.readEvent must be a function; it was undefined\.$/,
    ],
    [
      { protocol: durableStreams(), transports: [{ type: 'sse', sendBatch: 'ndjson' }] },
      /: transports\[0\]\.sendBatch must be left out where the protocol is durable-streams; it was 'ndjson'\.$/,
    ],
    [{ protocol: { ask: () => ({}) } }, /: protocol\.resumes must be a function; it was undefined\.$/],
    [{ prepare: 'token' }, /: prepare must be a function; it was 'token'\.$/],
    [{ judge: {} }, /: judge must be a function; it was \{\}\.$/],
    [{ credentials: 'yes' }, /: credentials must be one of omit, same-origin, include; it was 'yes'\.$/],
    [{ credentials: true }, /: credentials must be one of omit, same-origin, include; it was true\.$/],
    [{ credentials: null }, /: credentials must be one of omit, same-origin, include; it was null\.$/],
    [
      { withCredentials: true },
      /: unknown option 'withCredentials'; did you mean 'credentials'\?.*; it was true: write credentials: 'include'\.$/,
    ],
    [{ connection: shared }, /: connection must be an object; it was the function shared: call it, as connection: shared\(\)\.$/],
    [{ protocol: session }, /: protocol must be .*; it was the function session: call it, as protocol: session\(\)\.$/],
    [
      { host: { Websocket: class Own {} } },
      /: unknown option 'host\.Websocket'; did you mean 'host\.WebSocket'\? There are .*; it was the function Own\.$/,
    ],
    [
      { causes: { 4402: { msg: 'x' } } },
      /: unknown option 'causes\.4402\.msg'; there are message, remedy, verdict; it was 'x'\.$/,
    ],
    [
      { retry: { minDelayMs: 5000, maxDelayMs: 1000 } },
      /: retry\.minDelayMs must be at most retry\.maxDelayMs, 1000; it was 5000\.$/,
    ],
    [{ retry: true }, /: retry must be a schedule, a function or false; it was true\.$/],
    [{ retry: 5 }, /: retry must be a schedule, a function or false; it was 5\.$/],
    [
      { retry: { minDelay: 5 } },
      /: unknown option 'retry\.minDelay'; did you mean 'retry\.minDelayMs'\? There are minDelayMs, maxDelayMs, factor, maxAttempts; it was 5\.$/,
    ],
    [{ outbox: { max: 1 } }, /: unknown option 'outbox\.max'; did you mean 'outbox\.maxMessages'\?/],
    [{ heartbeat: { interval: 5 } }, /: unknown option 'heartbeat\.interval'; did you mean 'heartbeat\.intervalMs'\?/],
    [
      { transports: [{ type: 'poll', interval: 5 }] },
      /: unknown option 'transports\[0\]\.interval'; did you mean 'transports\[0\]\.intervalMs'\?/,
    ],
    [{ hearbeat: {} }, /: unknown option 'hearbeat'; did you mean 'heartbeat'\?/],
    [{ Protocol: 'session' }, /: unknown option 'Protocol'; did you mean 'protocol'\?/],
    [{ connectTimeout: 5 }, /: unknown option 'connectTimeout'; did you mean 'connectTimeoutMs'\?/],
    [{ timeout: 5 }, /: unknown option 'timeout'; did you mean 'connectTimeoutMs'\?/],
    [{ reconnect: true }, /: unknown option 'reconnect'; there are transports, /],
    [
      { heartbeat: true },
      /: heartbeat must be an object; it was true: write heartbeat: \{ message: 'ping', reply: 'pong' \}, or /,
    ],
    [{ heartbeat: 30_000 }, /: heartbeat must be an object; it was 30000: write heartbeat: \{ intervalMs: 30000 \}\.$/],
    [{ heartbeat: 'ping' }, /: heartbeat must be an object; it was 'ping': write heartbeat: \{ message: 'ping' \}\.$/],
    [{ heartbeat: false }, /: heartbeat must be an object; it was false: leave it out, since without it there is none\.$/],
    [{ codec: json }, /: codec must be an object; it was the function json: call it, as codec: json\(\)\.$/],
    [{ signal: new AbortController() }, /: signal must be an AbortSignal; it was \{\}: give the controller's signal\.$/],
    [{ debug: 'all' }, /: debug must be true, false or a function; it was 'all'\.$/],
    [{ signal: {} }, /: signal must be an AbortSignal; it was \{\}\.$/],
    [{ codec: {} }, /: codec must be a Codec with `encode` and `decode`/],
    ...['minDelayMs', 'maxDelayMs', 'factor', 'maxAttempts'].map((name): [object, RegExp] => [
      { retry: { [name]: -1 } },
      new RegExp(`: retry\\.${name} must be a number ${name === 'factor' ? 'from 1 up' : 'that is not negative'}; it was -1\\.$`),
    ]),
    [{ retry: { minDelayMs: '1s' } }, /: retry\.minDelayMs must be .*; it was '1s'\.$/],
    ...['maxMessages', 'maxBytes', 'ttlMs'].map((name): [object, RegExp] => [
      { outbox: { [name]: Number.NaN } },
      new RegExp(
        `: outbox\\.${name} must be a number ${name === 'maxMessages' ? 'from 1 up' : 'that is not negative'}; it was NaN\\.$`,
      ),
    ]),
    [{ outbox: { overflow: 'drop' } }, /: outbox\.overflow must be one of reject, drop-oldest, drop-newest; it was 'drop'\.$/],
    [{ outbox: 5 }, /: outbox must be an? object; it was 5\.$/],
    [{ heartbeat: { intervalMs: -1 } }, /: heartbeat\.intervalMs must be .*; it was -1\.$/],
    [{ heartbeat: { timeoutMs: {} } }, /: heartbeat\.timeoutMs must be .*; it was \{\}\.$/],
    ...[{ type: 'ping' }, 5, true, null].map((message): [object, RegExp] => [
      { heartbeat: { message } },
      /: heartbeat\.message must be a string or bytes, such as JSON\.stringify\(…\); it was .*\.$/,
    ]),
    ...[{ type: 'pong' }, 5, null, new ArrayBuffer(1)].map((reply): [object, RegExp] => [
      { heartbeat: { message: 'ping', reply } },
      /: heartbeat\.reply must be a string, such as JSON\.stringify\(…\); it was .*\.$/,
    ]),
    [{ heartbeat: { message: () => 'ping' } }, /: heartbeat\.message must be .*; it was the function message\.$/],
    [{ heartbeat: { reply: () => true } }, /: heartbeat\.reply must be .*; it was the function reply\.$/],
    [{ heartbeat: null }, /: heartbeat must be an? object; it was null\.$/],
    [{ autoConnect: 'no' }, /: autoConnect must be a boolean; it was 'no'\.$/],
    ...['connectTimeoutMs', 'raceAfterMs', 'provingMs'].map((name): [object, RegExp] => [
      { [name]: -5 },
      new RegExp(`: ${name} must be a number that is not negative; it was -5\\.$`),
    ]),
    [{ raceAfterMs: '500' }, /: raceAfterMs must be a number; it was '500'\.$/],
    [{ signal: 'abort' }, /: signal must be an? object; it was 'abort'\.$/],
    [{ codec: JSON.parse }, /: codec must be an? object; it was /],
  ])('%j', (options, message) => {
    expect(() => settle(options)).toThrow(TypeError)
    expect(() => settle(options)).toThrow(message)
  })

  it.each([[undefined], [null], [42], [{}]])('%j is no URL', (url) => {
    expect(() => settingsOf(url, withDefaults({}), page.host, hostNames)).toThrow(TypeError)
  })
})

describe('retry', () => {
  it('a schedule replaces the defaults that it names', () => {
    const { retry } = settle({ retry: { minDelayMs: 200, maxAttempts: 2 } })
    expect(retry(context)).toBe(100)
    expect(retry({ ...context, attempt: 2 })).toBe(300)
    expect(retry({ ...context, attempt: 3 })).toBeNull()
  })

  it('a schedule may lower maxDelayMs below the default of minDelayMs', () => {
    expect(settle({ retry: { maxDelayMs: 200 } }).retry(context)).toBe(100)
  })

  it('false means never', () => {
    expect(settle({ retry: false }).retry(context)).toBeNull()
  })

  it('a function returns the delay, or null to give up', () => {
    expect(settle({ retry: () => 70 }).retry(context)).toBe(70)
    expect(settle({ retry: () => null }).retry(context)).toBeNull()
  })

  it.each([[-1], [Number.NaN], ['1s'], [undefined]])(
    'a function that returns %j is reported, and the default delay is used',
    (delay) => {
      const { host, reported } = manualPage()
      expect(settle({ retry: () => delay }, '/', host).retry(context)).toBe(500)
      expect(reported).toEqual([expect.any(TypeError)])
      expect(String(reported[0])).toMatch(/retry\(\)\.?/)
    },
  )
})

describe('a heartbeat', () => {
  it.each([['ping'], [''], [new ArrayBuffer(1)], [new Uint8Array(1)], [new Blob(['x'])], [undefined]])(
    'may have the message %o',
    (message) => {
      expect(settle({ heartbeat: { message } }).mode.canPing).toBe(message !== undefined)
    },
  )

  it('has a default interval and timeout', () => {
    expect(settle({ heartbeat: { message: 'ping', reply: 'pong' } }).mode.heartbeat()).toEqual({
      message: 'ping',
      reply: 'pong',
      intervalMs: 25_000,
      timeoutMs: 10_000,
    })
  })
})
