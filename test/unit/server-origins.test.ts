import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { trustedProxyOf } from '../../src/server/adapters/client-address.ts'
import { checkOrigin } from '../../src/server/adapters/origin.ts'
import { RefusalReporter, reasonOf } from '../../src/server/adapters/origin-refusals.ts'
import { RealtimeServer } from '../../src/server/index.ts'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { settingsOf } from '../../src/server/settings.ts'

type Headers = Readonly<Record<string, string>>

function requestOf(headers: Headers, { encrypted = false, remoteAddress = '10.0.0.3' } = {}): IncomingMessage {
  return { headers, socket: { remoteAddress, encrypted } } as unknown as IncomingMessage
}

async function verdict(options: RealtimeServerOptions, headers: Headers, socket?: Parameters<typeof requestOf>[1]) {
  return (await checkOrigin(requestOf(headers, socket), settingsOf(options))).type
}

const host = 'backend.internal:8080'

describe('[SP13] the option `origins`', () => {
  it.each<[string, string]>([
    ['https://app.example', 'https://app.example'],
    ['https://app.example:8443', 'https://app.example:8443'],
    ['http://app.example', 'http://app.example'],
    ['HTTPS://App.Example', 'https://app.example'],
    ['https://app.example:443', 'https://app.example'],
    ['http://app.example:80', 'http://app.example'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['ionic://localhost', 'ionic://localhost'],
    ['tauri://localhost', 'tauri://localhost'],
    ['http://tauri.localhost', 'http://tauri.localhost'],
    ['app://obsidian.md', 'app://obsidian.md'],
    ['file://', 'file://'],
    ['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
    ['moz-extension://6d5a-11', 'moz-extension://6d5a-11'],
    ['safari-web-extension://E4B8C3D2', 'safari-web-extension://e4b8c3d2'],
    ['safari-web-extension://E4B8C3D2', 'safari-web-extension://E4B8C3D2'],
    ['chrome-extension:', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
    ['Tauri:', 'tauri://localhost'],
    ['https://*.app.example', 'https://a.app.example'],
    ['https://*.app.example', 'https://a.b-c.app.example'],
    ['https://*.App.Example:443', 'https://x.app.example'],
    ['https://*.app.example:8443', 'https://a.app.example:8443'],
    ['http://*.localhost:3000', 'http://tenant.localhost:3000'],
  ])('%s allows %s', async (entry, origin) => {
    expect(await verdict({ origins: [entry] }, { origin, host })).toBe('allowed')
  })

  it.each<[string, string]>([
    ['https://app.example', 'http://app.example'],
    ['https://app.example', 'https://app.example:8443'],
    ['https://app.example', 'https://app.example.evil'],
    ['https://app.example', 'https://xapp.example'],
    ['https://app.example', 'https://app.example/'],
    ['https://app.example', 'https://app.example, https://app.example'],
    ['https://app.example', 'null'],
    ['https://app.example', ''],
    ['https://*.app.example', 'https://app.example'],
    ['https://*.app.example', 'https://.app.example'],
    ['https://*.app.example', 'https://evil.com/.app.example'],
    ['https://*.app.example', 'https://evil.com#.app.example'],
    ['https://*.app.example', 'https://evil.com:443@a.app.example'],
    ['https://*.app.example', 'https://a.app.example.evil'],
    ['https://*.app.example', 'https://aapp.example'],
    ['https://*.app.example', 'http://a.app.example'],
    ['https://*.app.example', 'https://a.app.example:8443'],
    ['https://*.app.example', 'https://a..app.example'],
    ['https://*.app.example', 'https://*.app.example'],
    ['capacitor://localhost', 'capacitor://localhost.evil'],
    ['capacitor://localhost', 'http://localhost'],
    ['file://', 'null'],
    ['chrome-extension:', 'moz-extension://6d5a-11'],
    ['chrome-extension:', 'chrome-extension://a, https://evil.example'],
    ['tauri:', 'tauri-evil://localhost'],
    ['tauri:', 'http://tauri.localhost'],
    ['tauri:', 'null'],
  ])('%s does not allow %s', async (entry, origin) => {
    expect(await verdict({ origins: [entry] }, { origin, host })).toBe('refused')
  })

  it.each<[unknown, string]>([
    ['*', '() => true'],
    ['null', 'always refused'],
    ['https://app.example/', "write 'https://app.example'"],
    ['HTTPS://App.Example:8443/path', "write 'https://app.example:8443'"],
    ['https://app.example?x', "write 'https://app.example'"],
    ['https://user:secret@app.example', "write 'https://app.example'"],
    ['app.example', "write 'https://app.example'"],
    ['//app.example', "write 'https://app.example'"],
    ['localhost:3000', "write 'http://localhost:3000'"],
    ['127.0.0.1:3000', "write 'http://127.0.0.1:3000'"],
    ['[::1]:3000', "write 'http://[::1]:3000'"],
    ['localhost.example', "write 'https://localhost.example'"],
    ['wss://app.example', "write 'https://app.example'"],
    ['capacitor://localhost/', "write 'capacitor://localhost'"],
    ['http://localhost:*', 'ports are exact'],
    ['https://*', 'a wildcard stands for'],
    ['https://app.*', 'a wildcard stands for'],
    ['https://a*.app.example', 'a wildcard stands for'],
    ['https://*.*.example', 'a wildcard stands for'],
    ['https://*app.example', 'a wildcard stands for'],
    ['chrome-extension://*', 'write a function'],
    ['*.app.example', 'write a function'],
    [' https://app.example', ''],
    ['https:app.example', ''],
    ['https://', ''],
    ['https://app.example:99999', ''],
    ['data:text/html,x', ''],
    ['data:', 'origin null'],
    ['https:', '() => true'],
    ['wss:', '() => true'],
    ['', ''],
    [/app/, '(origin) => pattern.test(origin)'],
    [7, ''],
    [null, ''],
    [undefined, ''],
  ])('refuses the entry %j and names what to write instead', (entry, hint) => {
    const make = () => new RealtimeServer({ origins: [entry] as never })
    expect(make).toThrow(TypeError)
    expect(make).toThrow('origins[0] must be an origin as')
    expect(make).toThrow(hint || 'it was')
  })

  it('may be a function, or contain functions', async () => {
    const asked: unknown[] = []
    const origins: RealtimeServerOptions['origins'] = (origin, request) => {
      asked.push([origin, request.headers.host])
      return origin.endsWith('.example')
    }
    expect(await verdict({ origins }, { origin: 'https://a.example', host })).toBe('allowed')
    expect(await verdict({ origins: [origins] }, { origin: 'https://a.evil', host })).toBe('refused')
    expect(await verdict({ origins: ['https://b.evil', async () => false, origins] }, { origin: 'x://y.example', host })).toBe(
      'allowed',
    )
    expect(asked).toEqual([
      ['https://a.example', host],
      ['https://a.evil', host],
      ['x://y.example', host],
    ])
    expect(await verdict({ origins: () => true }, { origin: 'null', host })).toBe('refused')
    expect(await verdict({ origins: async () => true }, { origin: 'https://a.example', host })).toBe('allowed')
  })

  it.each([
    ['throws', () => JSON.parse('{')],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['returns a truthy value other than true', () => ({}) as never],
  ])('with a function that %s rejects the check', async (_, origins) => {
    await expect((async () => verdict({ origins }, { origin: 'https://a.example', host }))()).rejects.toThrow()
  })
})

describe("[SP13] a server's own origin", () => {
  it.each<[string, RealtimeServerOptions, Headers]>([
    ['from Host', {}, { origin: 'http://app.example:8080', host: 'app.example:8080' }],
    ['from Host behind TLS', {}, { origin: 'https://app.example', host: 'app.example' }],
    ['from Host with the default port', {}, { origin: 'https://app.example', host: 'App.Example:443' }],
    ['from :authority over HTTP/2', {}, { origin: 'https://app.example:8443', ':authority': 'app.example:8443' }],
    ['from Sec-Fetch-Site', {}, { origin: 'https://app.example:8443', host, 'sec-fetch-site': 'same-origin' }],
    ['from publicOrigins', { publicOrigins: ['https://App.example:8443'] }, { origin: 'https://app.example:8443', host }],
    [
      'from X-Forwarded-Host of a trusted proxy',
      { trustProxy: 'uniquelocal' },
      { origin: 'https://app.example:8443', host, 'x-forwarded-host': 'app.example:8443', 'x-forwarded-proto': 'https' },
    ],
    [
      'from X-Forwarded-Port of a trusted proxy',
      { trustProxy: true },
      { origin: 'https://app.example:8443', host: 'app.example', 'x-forwarded-proto': 'wss', 'x-forwarded-port': '8443' },
    ],
    [
      'from the headers of two trusted proxies',
      { trustProxy: 2 },
      { origin: 'https://app.example', host, 'x-forwarded-host': 'app.example, middle:81', 'x-forwarded-proto': 'https,http' },
    ],
    [
      'from Forwarded (RFC 7239)',
      { trustProxy: 1 },
      { origin: 'https://app.example:8443', host, forwarded: 'for=1.2.3.4;Host="app.example:8443"; proto=https, for=10.0.0.9' },
    ],
  ])('is taken %s', async (_, options, headers) => {
    expect(await verdict(options, headers)).toBe('allowed')
  })

  it.each<[string, RealtimeServerOptions, Headers]>([
    ['an origin with another port', {}, { origin: 'https://app.example:8443', host: 'app.example' }],
    ['an origin that is same-site', {}, { origin: 'https://a.example', host, 'sec-fetch-site': 'same-site' }],
    ['an origin that is cross-site', {}, { origin: 'https://a.example', host, 'sec-fetch-site': 'cross-site' }],
    ['an origin with Sec-Fetch-Site: none', {}, { origin: 'https://a.example', host, 'sec-fetch-site': 'none' }],
    ['two values of Sec-Fetch-Site', {}, { origin: 'https://a.example', host, 'sec-fetch-site': 'same-origin, cross-site' }],
    ['null, even with Sec-Fetch-Site: same-origin', {}, { origin: 'null', host, 'sec-fetch-site': 'same-origin' }],
    ['a missing Origin header of a browser', {}, { host, 'sec-fetch-site': 'same-origin' }],
    ['X-Forwarded-Host of an untrusted peer', {}, { origin: 'https://a.example', host, 'x-forwarded-host': 'a.example' }],
    ['an untrusted Forwarded', { trustProxy: 'loopback' }, { origin: 'https://a.example', host, forwarded: 'host=a.example' }],
    [
      'a scheme other than X-Forwarded-Proto',
      { trustProxy: true },
      { origin: 'http://a.example', host, 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' },
    ],
    ['an invalid Host header', {}, { origin: 'https://a.example', host: 'a.example/x' }],
    ['a Host header with user information', {}, { origin: 'https://a.example', host: 'x@a.example' }],
  ])('is not %s', async (_, options, headers) => {
    expect(await verdict(options, headers)).toBe('refused')
  })

  it('is https only if the server itself speaks TLS', async () => {
    expect(await verdict({}, { origin: 'http://app.example', host: 'app.example' }, { encrypted: true })).toBe('refused')
    expect(await verdict({}, { origin: 'https://app.example', host: 'app.example' }, { encrypted: true })).toBe('allowed')
  })

  it.each<[unknown, string]>([
    ['https://app.example', "publicOrigins must be a list of this server's own origins; it was 'https://app.example'"],
    [['https://*.app.example'], "publicOrigins[0] must be an origin as 'https://app.example:8443'"],
    [['capacitor://localhost'], "publicOrigins[0] must be an origin as 'https://app.example:8443'"],
    [[() => true], "publicOrigins[0] must be an origin as 'https://app.example:8443'"],
    [['https://app.example/x'], "publicOrigins[0] must be an origin as 'https://app.example', without a path"],
  ])('cannot be listed in publicOrigins as %j', (publicOrigins, message) => {
    expect(() => new RealtimeServer({ publicOrigins } as never)).toThrow(message)
  })
})

describe('[SP13] the refusal of an origin', () => {
  it('names the compared origins in a reason that fits into a Close frame', () => {
    const long = `https://${'a'.repeat(200)}.example`
    for (const own of ['http://b.example', long, 'a request without Host']) {
      for (const origin of ['https://a.example', long, `https://\u00e9${'\u{1f600}'.repeat(99)}`]) {
        const reason = reasonOf({ type: 'refused', origin, own })
        expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123)
        expect(reason).toMatch(/^the origin https:\/\/.* is not this server's \(.+\); add it to `origins`$/)
      }
    }
    expect(reasonOf({ type: 'refused', origin: 'https://a.example', own: 'http://b.example' })).toBe(
      "the origin https://a.example is not this server's (http://b.example); add it to `origins`",
    )
    expect(reasonOf({ type: 'refused', origin: 'null', own: '' })).toContain('never allowed')
    expect(reasonOf({ type: 'refused', origin: null, own: '' })).toContain('no Origin header')
  })

  it('is reported on the server once for each origin, and for at most 100 of them', () => {
    const told: string[] = []
    const reporter = new RefusalReporter((error) => void told.push(String(error)))
    const own = 'http://127.0.0.1:8080'
    for (let n = 0; n < 3; n += 1) reporter.refused({ type: 'refused', origin: 'https://app.example:8443', own })
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(own)
    expect(told[0]).toContain("publicOrigins: ['https://app.example:8443']")
    expect(told[0]).toContain("origins: ['https://app.example:8443']")
    for (let n = 0; n < 1000; n += 1) reporter.refused({ type: 'refused', origin: `https://${n}.example\n`, own })
    expect(told).toHaveLength(100)
    expect(told.at(-1)).toContain('not reported')
    expect(told.join('')).not.toContain('\n')
  })
})

describe('trustProxy', () => {
  it.each<[unknown, string]>([
    [-1, 'whole number'],
    [1.5, 'whole number'],
    [Number.NaN, 'whole number'],
    ['true', "'true' is neither an address"],
    ['10.0.0.0/33', 'the number after the slash is from 0 to 32'],
    ['10.0.0.0/255.0.255.0', 'not a subnet'],
    [['loopback', 'intranet'], "'intranet' is neither an address"],
    [[7], 'an address is a string'],
    [null, 'it was null'],
    [{}, 'it was an object'],
  ])('%j is refused', (trustProxy, message) => {
    expect(() => new RealtimeServer({ trustProxy } as never)).toThrow(TypeError)
    expect(() => new RealtimeServer({ trustProxy } as never)).toThrow(message)
  })

  it.each<[Parameters<typeof trustedProxyOf>[0], readonly string[], readonly string[]]>([
    [true, ['203.0.113.7', '::1'], []],
    [false, [], ['127.0.0.1']],
    [1, ['203.0.113.7'], []],
    [0, [], ['127.0.0.1']],
    ['loopback', ['127.0.0.1', '127.9.9.9', '::1'], ['10.0.0.1', '128.0.0.1']],
    ['linklocal', ['169.254.3.4', 'fe80::1'], ['169.253.0.1', 'fec0::1']],
    ['uniquelocal', ['10.1.2.3', '172.31.0.1', '192.168.0.9', 'fd00::1'], ['172.32.0.1', '11.0.0.1', 'fe80::1']],
    ['loopback, 203.0.113.0/24', ['127.0.0.1', '203.0.113.200'], ['203.0.114.1']],
    [
      ['10.0.0.0/255.255.0.0', '2001:db8::/32'],
      ['10.0.9.9', '2001:db8:5::1'],
      ['10.1.0.0', '2001:db9::1'],
    ],
    [['::ffff:10.0.0.0/104'], ['10.200.0.1'], ['11.0.0.1']],
    [[], [], ['127.0.0.1']],
    [(address, index) => address === '203.0.113.7' && index === 0, ['203.0.113.7'], ['203.0.113.8']],
  ])('%j trusts the expected addresses, and no others', (option, trusted, others) => {
    const isTrusted = trustedProxyOf(option)
    for (const address of trusted) expect([address, isTrusted(address, 0)]).toEqual([address, true])
    for (const address of others) expect([address, isTrusted(address, 0)]).toEqual([address, false])
  })
})
