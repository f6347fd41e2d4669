import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import {
  clientAddress,
  forwardedElements,
  limitKey,
  plainAddress,
  type TrustProxyOption,
  trustedProxyOf,
} from '../../src/server/adapters/client-address.ts'
import { AddressLimit } from '../../src/server/adapters/origin.ts'
import { RecentAttachments } from '../../src/server/adapters/recent-attachments.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)

function addressOf(
  remoteAddress: string | undefined,
  headers: Readonly<Record<string, string>> = {},
  trust: TrustProxyOption = false,
) {
  return clientAddress({ headers, socket: { remoteAddress } } as unknown as IncomingMessage, trustedProxyOf(trust))
}

const client = '203.0.113.7'
const proxy = '10.0.0.3'

describe('[SP13] the address of a client', () => {
  it.each(['via', 'x-forwarded-for', 'forwarded', 'x-real-ip', 'x-forwarded-host'])(
    'is not changed by a %s header without a trusted proxy',
    (header) => {
      for (const value of ['1.2.3.4', 'for=1.2.3.4', '', 'x'.repeat(10_000)])
        expect(addressOf(client, { [header]: value })).toBe(client)
    },
  )

  it.each<[string, string | undefined, Readonly<Record<string, string>>, TrustProxyOption, string | undefined]>([
    ['a direct connection', client, {}, false, client],
    ['an IPv4-mapped address', '::ffff:203.0.113.7', {}, false, client],
    ['a client on this machine', '127.0.0.1', {}, false, undefined],
    ['a client on this machine in IPv6', '::1', {}, false, undefined],
    ['a client on this machine, IPv4-mapped', '::ffff:127.0.0.1', {}, false, undefined],
    ['a Unix socket', undefined, {}, false, undefined],
    ['an untrusted proxy on this machine', '127.0.0.1', { 'x-forwarded-for': client }, false, undefined],
    ['a trusted proxy on this machine', '127.0.0.1', { 'x-forwarded-for': client }, 'loopback', client],
    ['a trusted proxy on a Unix socket', undefined, { 'x-forwarded-for': client }, 'loopback', client],
    ['a trusted proxy', proxy, { 'x-forwarded-for': client }, proxy, client],
    ['a trusted proxy without the header', proxy, {}, proxy, proxy],
    ['a forged address before the real one', proxy, { 'x-forwarded-for': `1.2.3.4, ${client}` }, 'uniquelocal', client],
    ['two trusted proxies', proxy, { 'x-forwarded-for': `1.2.3.4, ${client}, 10.9.9.9` }, 'uniquelocal', client],
    ['one trusted hop', proxy, { 'x-forwarded-for': `1.2.3.4, ${client}` }, 1, client],
    ['two trusted hops', proxy, { 'x-forwarded-for': `1.2.3.4, ${client}` }, 2, '1.2.3.4'],
    ['no trusted hop', proxy, { 'x-forwarded-for': client }, 0, proxy],
    ['trust in every proxy', proxy, { 'x-forwarded-for': `1.2.3.4, ${client}` }, true, '1.2.3.4'],
    ['a peer that is not trusted', '198.51.100.9', { 'x-forwarded-for': client }, 'uniquelocal', '198.51.100.9'],
    ['an address with a port', proxy, { 'x-forwarded-for': `${client}:4711` }, true, client],
    ['an IPv6 address in brackets', proxy, { 'x-forwarded-for': '[2001:db8::1]:4711' }, true, '2001:db8::1'],
    ['a header without an address', proxy, { 'x-forwarded-for': 'unknown' }, true, proxy],
    ['an invalid entry before an address', proxy, { 'x-forwarded-for': `<script>, ${client}` }, true, client],
    ['a Forwarded header', proxy, { forwarded: `for=1.2.3.4, For="${client}:80";proto=https` }, 1, client],
    ['a Forwarded header with IPv6', proxy, { forwarded: 'for="[2001:DB8::1]:4711"' }, true, '2001:db8::1'],
    ['a Forwarded header that hides the address', proxy, { forwarded: 'for=_hidden' }, true, proxy],
    ['X-Forwarded-For before Forwarded', proxy, { forwarded: 'for=1.2.3.4', 'x-forwarded-for': client }, 1, client],
    ['a trust function', proxy, { 'x-forwarded-for': client }, (address, index) => address === proxy && index === 0, client],
  ])('is resolved for %s', (_, remoteAddress, headers, trust, address) => {
    expect(addressOf(remoteAddress, headers, trust)).toBe(address)
  })

  it(`is the one in the last element of Forwarded, whatever a client has sent before it, with SEED=${seed}`, () => {
    const random = seeded(seed)
    const parts = ['"', '\\', ',', ';', '=', ' ', 'for', 'for=1.2.3.4', 'for="', '"[2001:db8::2]"', 'proto=https', 'x']
    const appended: readonly [string, string][] = [
      ['for=203.0.113.7', client],
      ['for="203.0.113.7:80";proto=https;by="a\\"b, c;d\\\\"', client],
      ['for="[2001:db8::1]:80"', '2001:db8::1'],
    ]
    for (let round = 0; round < 5000; round += 1) {
      const sent = Array.from({ length: random() * 8 }, () => parts[Math.floor(random() * parts.length)] ?? '').join('')
      for (const [element, address] of appended)
        expect([sent, addressOf('127.0.0.1', { forwarded: `${sent}, ${element}` }, 'loopback')]).toEqual([sent, address])
    }
  })

  it('is found behind two trusted proxies after a quote of the client that does not end', () => {
    const forwarded = `for="1.2.3.4, for=${client}, for="10.9.9.9:80"`
    expect(addressOf(proxy, { forwarded }, 'uniquelocal')).toBe(client)
  })

  it.each([
    ['', [{ '': '' }]],
    ['for=a;host="x, y;z", FOR = "b\\"c" ', [{ for: 'a', host: 'x, y;z' }, { for: 'b"c' }]],
    ['for="\\\\", for="\\\\\\"", for=c', [{ for: '\\' }, { for: '\\"' }, { for: 'c' }]],
  ])('of a Forwarded header %j is read from its elements', (header, elements) => {
    expect(forwardedElements(header).map((element) => Object.fromEntries(element))).toEqual(elements)
  })

  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:FFFF:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002:ffff::1', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['user 7', 'user 7'],
  ])('%s has the rate limit key %s', (address, key) => {
    expect(limitKey(address)).toBe(key)
  })

  it.each(['', 'x', '1.2.3', '1.2.3.4.5', '999.1.1.1', '::g', '1.2.3.4:x', '[1.2.3.4', 'user 7'])('%j is invalid', (text) => {
    expect(plainAddress(text)).toBeNull()
  })

  it('shares one rate limit with its whole IPv6 /64', () => {
    const limit = new AddressLimit(1)
    const taken = Array.from({ length: 50 }, (_, n) => limit.take(`2001:db8:1:2:${n.toString(16)}::1`, 0)).filter(Boolean)
    expect(taken).toHaveLength(5)
    expect(limit.take('2001:db8:1:3::1', 0)).toBe(true)
    expect(['::ffff:1.2.3.4', '1.2.3.4', '::ffff:102:304'].map((each) => limit.take(each, 0))).toEqual([true, true, true])
    expect(Array.from({ length: 9 }, () => limit.take('1.2.3.4', 0)).filter(Boolean)).toHaveLength(2)
  })

  it('is parsed in linear time from any header', () => {
    const took = (times: number) => {
      const values = [' ', ',', '"', '\\', '\\"', 'for=', ';', ':', '::ffff:'].map((part) => part.repeat(times))
      const since = performance.now()
      for (const forwarded of values) forwardedElements(forwarded)
      for (const value of values) addressOf(proxy, { 'x-forwarded-for': value }, true)
      return performance.now() - since
    }
    took(1000)
    expect(took(160_000)).toBeLessThan(Math.max(100, 100 * took(10_000)))
  })
})

describe('recent attachments', () => {
  const at = (n: number) => ({ session: 'a-session-of-the-tests', k: n })

  it('are remembered for a minute after their last request', () => {
    const recent = new RecentAttachments(0)
    recent.add(at(1), 0)
    expect([recent.has(at(1), 59_000), recent.has(at(2), 59_000)]).toEqual([true, false])
    for (let now = 0; now < 600_000; now += 50_000) expect(recent.has(at(1), now)).toBe(true)
    expect(recent.has(at(1), 1_000_000)).toBe(false)
    recent.add(at(3), 1_000_000)
    recent.delete(at(3))
    expect(recent.has(at(3), 1_000_000)).toBe(false)
  })

  it('are limited to 100,000', () => {
    const recent = new RecentAttachments(0)
    for (let n = 1; n <= 200_000; n += 1) recent.add(at(n), 0)
    const kept = Array.from({ length: 200_000 }, (_, n) => recent.has(at(n + 1), 0)).filter(Boolean).length
    expect(kept).toBeLessThanOrEqual(100_000)
    expect(recent.has(at(200_000), 0)).toBe(true)
  })
})
