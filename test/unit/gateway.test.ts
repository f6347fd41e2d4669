import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { backendHeaders, faultOfHeaders, faultOfName } from '../../src/gateway/headers.ts'
import { type GatewayOptions, gateway } from '../../src/gateway/index.ts'
import { endOfBackend, endOfSession, refusalOfError, refusalOfStatus } from '../../src/gateway/refusals.ts'
import { readTarget, withQuery } from '../../src/gateway/target.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import { memoryStore } from '../../src/server/store/memory/memory-store.ts'

const target = 'ws://127.0.0.1:9000'

describe('the URL of a backend', () => {
  it.each([
    ['http://a/', 'it must begin with ws:// or wss://'],
    ['file:///etc/passwd', 'it must begin with ws:// or wss://'],
    ['ws://user:secret@a/', 'it has a user name or a password'],
    ['ws://a/#b', 'it has a fragment'],
    ['ws://a/#', 'it has a fragment'],
    ['ws://a/\r\nHost: b', 'it has a space or a control character'],
    ['ws://a/b\tc', 'it has a space or a control character'],
    [' ws://a/', 'it has a space or a control character'],
    ['a', 'it is no URL'],
    [7, 'it must be a string or a URL'],
  ])('is refused: %j', (given, why) => {
    expect(readTarget(given)).toContain(why)
  })

  it("gets the permitted parameters of the client's query", () => {
    const from = (rule: boolean | readonly string[], client: string, own = `${target}/path?fixed=1`) =>
      withQuery(readTarget(own) as URL, client, rule).href
    expect(from(true, '/realtime?attempt=x&a=1&b=%20z&a=2')).toBe('ws://127.0.0.1:9000/path?fixed=1&a=1&b=%20z&a=2')
    expect(from(true, '/realtime?fixed=2&fi%78ed=3&%61ttempt=4')).toBe('ws://127.0.0.1:9000/path?fixed=1')
    expect(from(['b'], '/realtime?a=1&b=2')).toBe('ws://127.0.0.1:9000/path?fixed=1&b=2')
    expect(from(false, '/realtime?a=1')).toBe('ws://127.0.0.1:9000/path?fixed=1')
    expect(from(true, '/other/../path?a=1', target)).toBe('ws://127.0.0.1:9000/?a=1')
    expect(from(true, '/realtime', target)).toBe('ws://127.0.0.1:9000/')
    expect(from(true, '/realtime??a=1&b', target)).toBe('ws://127.0.0.1:9000/??a=1&b')
    expect(from(['?a'], '/realtime??a=1', `${target}/??fixed=1`)).toBe('ws://127.0.0.1:9000/??fixed=1&?a=1')
    expect(from(['a'], '/realtime??a=1', target)).toBe('ws://127.0.0.1:9000/')
    expect(new URL(from(true, '/realtime?a=1#b&c=2\u0000', target)).hash).toBe('')
  })
})

/** A request as `node:http` reads it. */
function requestOf(headers: Record<string, string>, { peer = '192.0.2.7', encrypted = false } = {}): IncomingMessage {
  return { headers, socket: { remoteAddress: peer, ...(encrypted ? { encrypted } : {}) } } as unknown as IncomingMessage
}

describe('the headers of the handshake with the backend', () => {
  const nobody = () => false

  it('are the forwarded ones, the configured ones, and the address of the client', () => {
    const request = requestOf({ cookie: 'a=1', host: 'app.example', 'x-forwarded-for': '1.2.3.4', 'x-secret': 'no' })
    expect(backendHeaders(request, ['cookie', 'authorization'], { 'X-Room': '7' }, nobody)).toEqual({
      cookie: 'a=1',
      'x-room': '7',
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'app.example',
    })
    expect(backendHeaders(request, ['cookie'], { Cookie: 'mine=1' }, nobody)).toMatchObject({ cookie: 'mine=1' })
  })

  it('extend the forwarding headers of a trusted proxy', () => {
    const said = { 'x-forwarded-for': '1.2.3.4, 10.0.0.1', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example' }
    const request = requestOf({ ...said, host: 'inside' }, { peer: '::ffff:10.0.0.9' })
    expect(backendHeaders(request, [], {}, () => true)).toEqual({
      'x-forwarded-for': '1.2.3.4, 10.0.0.1, 10.0.0.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'app.example',
    })
    const standard = requestOf({ forwarded: 'for=1.2.3.4;proto=https' }, { peer: '10.0.0.9', encrypted: true })
    expect(backendHeaders(standard, [], {}, () => true)).toEqual({
      'x-forwarded-for': '1.2.3.4, 10.0.0.9',
      'x-forwarded-proto': 'https',
    })
  })

  it.each([
    'Connection',
    'host',
    'Sec-WebSocket-Key',
    'content-length',
    'Upgrade',
    'TE',
    'Proxy-Authorization',
    'x-forwarded-for',
    'a b',
  ])('cannot include %s', (name) => {
    expect(faultOfName(name)).not.toBeNull()
    expect(faultOfHeaders({ [name]: 'x' })).toContain(name)
    expect(() => gateway({ target, forwardHeaders: [name] })).toThrow(`forwardHeaders cannot have '${name}'`)
  })

  it('cannot have an invalid value, which the error does not show', () => {
    const fault = faultOfHeaders({ authorization: 'secret\r\nX: y' })
    expect(fault).toBe("the value of 'authorization' is not a valid header value")
  })
})

describe('refusals and close codes', () => {
  it.each([
    [401, 4401],
    [403, 4403],
    [404, 4410],
    [429, 4429],
    [302, 4410],
    [200, 4410],
    [500, 4503],
    [503, 4503],
  ])('a backend that answers with the status %i is refused with %i, without a pause', (status, code) => {
    expect(refusalOfStatus(status)).toEqual({ code, reason: `the backend has answered ${status}` })
  })

  it('a failed handshake is refused with 4503, or with 4410 if it failed on the subprotocol', () => {
    expect(refusalOfError(new Error('connect ECONNREFUSED'))).toEqual({ code: 4503, reason: 'the backend cannot be reached' })
    expect(refusalOfError(new Error('Server sent no subprotocol'))).toMatchObject({ code: 4410 })
  })

  it('close codes are passed on if they are valid in a Close frame', () => {
    expect(endOfSession(4321, 'x', false)).toEqual([4321, 'x'])
    expect(endOfSession(1005, '', false)).toEqual([1005, ''])
    for (const code of [1006, 1004, 1015, 999, 2000, 5000]) expect(endOfSession(code, 'x', false)).toEqual([1006, ''])
    expect(endOfSession(1006, '', true)[0]).toBe(1009)
    expect(endOfBackend({ by: 'client', code: 4000, reason: 'x' })).toEqual([4000, 'x'])
    expect(endOfBackend({ by: 'client', code: 5000, reason: 'x' })).toEqual([1000, ''])
    expect(endOfBackend({ by: 'client', code: 1000, reason: 'é'.repeat(62) })).toEqual([1000, ''])
    expect(endOfBackend({ by: 'network', code: 4408, reason: 'expired' })).toEqual([1001, ''])
    expect(endOfBackend({ by: 'server', code: 4410, reason: '' })).toEqual([1001, ''])
  })
})

describe('the options of gateway()', () => {
  const wrong: readonly [given: unknown, message: string][] = [
    [null, 'the argument must be an object of options; it was null'],
    [{}, "the option 'target' is missing: the URL of the backend, as 'ws://127.0.0.1:9000'"],
    [{ target: 'http://a' }, "target must be a URL as 'ws://127.0.0.1:9000/path', or a function: it must begin with ws://"],
    [{ target, targt: 1 }, "unknown option 'targt'; did you mean 'target'?"],
    [{ target, onMessage: () => {} }, "the option 'onMessage' is not supported here: what the client sends goes to the backend"],
    [{ target, codec: {} }, "the option 'codec' is not supported here"],
    [{ target: () => null }, 'allowedTargets is required where target is a function'],
    [{ target: () => null, allowedTargets: [] }, 'allowedTargets must be a list of origins'],
    [{ target: () => null, allowedTargets: ['ws://a/path'] }, "allowedTargets[0] must be an origin as 'ws://10.0.0.1:9000'"],
    [{ target, allowedTargets: ['ws://other'] }, 'allowedTargets must contain the origin of target, ws://127.0.0.1:9000'],
    [{ target, headers: { Host: 'x' } }, "headers: 'Host' cannot be in it"],
    [{ target, forwardHeaders: 'cookie' }, 'forwardHeaders must be a list of names'],
    [{ target, forwardQuery: 'a' }, 'forwardQuery must be true, false, or a list of parameters'],
    [{ target, connectTimeoutMs: 0 }, 'connectTimeoutMs must be a number of milliseconds from 1'],
    [{ target, connectTimeoutMs: Infinity }, 'a client would wait for ever'],
    [
      { target, trustProxy: 'intranet' },
      "trustProxy must be true, false, a number of proxies, addresses and subnets, or a function; 'intranet' is neither an address",
    ],
    [{ target, trustProxy: null }, 'trustProxy must be true, false'],
    [{ target, trustProxy: { proxies: 1 } }, 'trustProxy must be true, false'],
    [{ target, pingMs: '1' }, "pingMs must be a number; it was '1'"],
    [{ target, maxUnreadBytes: 8_000_000 }, 'together exceed the 8388608 bytes that the default store keeps for one session'],
    [
      { target, connectTimeoutMs: 20_000, limits: { authenticateTimeoutMs: 10_000 } },
      'must not be shorter than connectTimeoutMs',
    ],
  ]
  it.each(wrong)('%j throws a TypeError', (given, message) => {
    expect(() => gateway(given as GatewayOptions)).toThrow(TypeError)
    expect(() => gateway(given as GatewayOptions)).toThrow(message)
    expect(() => gateway(given as GatewayOptions)).toThrow(/^gateway: /)
  })

  it('throw errors without the URL of the target, which may contain a secret', () => {
    expect(() => gateway({ target: 'ws://a/?token=secret#' })).toThrow(/^(?!.*secret)gateway: target must be a URL/)
  })

  it('become the options of a server', () => {
    const store = memoryStore({ maxBytesPerStream: 20_000_000 })
    const options = gateway({ target, ...store, maxUnreadBytes: 16_000_000, path: '/ws', limits: { maxMessageBytes: 2_000_000 } })
    expect(options).toMatchObject({ path: '/ws', limits: { maxMessageBytes: 2_000_000, authenticateTimeoutMs: 15_000 } })
    expect(options).not.toHaveProperty('target')
    expect(() => new RealtimeServer(options)).not.toThrow()
    const slow = gateway({ target, connectTimeoutMs: 60_000, limits: { authenticateTimeoutMs: Infinity } })
    expect(slow.limits?.authenticateTimeoutMs).toBe(Infinity)
  })
})
