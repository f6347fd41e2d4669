import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { quoted } from '../../util/quoted.ts'

/** The proxies whose forwarding headers the server trusts, as in Express's setting `trust proxy`. */
export type TrustProxyOption = boolean | number | string | readonly string[] | ((address: string, index: number) => boolean)

/** Whether the address is a trusted proxy; index 0 is the peer of the socket, 1 the peer of that proxy, and so on. */
export type TrustedProxy = (address: string, index: number) => boolean

/** Named ranges, the same as in Express. */
const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

const isLoopback = rangesOf(['loopback'])
const isPrivate = rangesOf(['loopback', 'linklocal', 'uniquelocal'])

const nobody: TrustedProxy = () => false

/** The valid values of the option `trustProxy`. */
export const trustProxyValues = 'true, false, a number of proxies, addresses and subnets, or a function'

/** Reads the option `trustProxy`; returns why it is invalid, `''` if the valid values say so. */
export function readTrustProxy(given: unknown = false): TrustedProxy | { readonly why: string } {
  const isRead = ['boolean', 'number', 'string', 'function'].includes(typeof given) || Array.isArray(given)
  if (!isRead) return { why: '' }
  try {
    return trustedProxyOf(given as TrustProxyOption)
  } catch (error) {
    return { why: error instanceof Error ? error.message : '' }
  }
}

/** @throws RangeError that names the error and the correct form */
export function trustedProxyOf(option: TrustProxyOption): TrustedProxy {
  if (typeof option === 'function') return (address, index) => option(address, index) === true
  if (typeof option === 'boolean') return option ? () => true : nobody
  if (typeof option === 'number') {
    if (!Number.isInteger(option) || option < 0) throw new RangeError('a number of proxies is a whole number, not negative')
    return (_, index) => index < option
  }
  const listed = typeof option === 'string' ? option.split(',') : option
  return rangesOf(listed.map((range) => (typeof range === 'string' ? range.trim() : range)))
}

function rangesOf(ranges: readonly string[]): TrustedProxy {
  const list = new BlockList()
  for (const range of ranges.flatMap((name) => namedRanges[name] ?? [name])) addRange(list, range)
  return (address) => {
    const kind = isIP(address)
    return kind > 0 && list.check(address, kind === 4 ? 'ipv4' : 'ipv6')
  }
}

function addRange(list: BlockList, range: unknown): void {
  if (typeof range !== 'string') throw new RangeError('an address is a string')
  const slash = range.indexOf('/')
  const given = slash < 0 ? range : range.slice(0, slash)
  const address = plainAddress(given)
  const kind = address === null ? 0 : isIP(address)
  if (address === null || kind === 0)
    throw new RangeError(
      `${quoted(range)} is neither an address, nor a subnet such as '10.0.0.0/8', nor one of ${Object.keys(namedRanges).join(', ')}`,
    )
  const bits = kind === 4 ? 32 : 128
  // `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
  const shift = kind === 4 && given.includes(':') ? 96 : 0
  const suffix = slash < 0 ? String(bits + shift) : range.slice(slash + 1)
  const prefix = /^\d{1,3}$/.test(suffix) ? Number(suffix) - shift : kind === 4 ? prefixOf(suffix) : -1
  if (!(prefix >= 0 && prefix <= bits))
    throw new RangeError(`${quoted(range)} is not a subnet: the number after the slash is from 0 to ${bits}`)
  list.addSubnet(address, prefix, kind === 4 ? 'ipv4' : 'ipv6')
}

/** The prefix length of a mask: 16 for `255.255.0.0`; -1 for an invalid mask. */
function prefixOf(mask: string): number {
  if (isIP(mask) !== 4) return -1
  const bits = mask
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('')
  return /^1*0*$/.test(bits) ? (bits.indexOf('0') < 0 ? 32 : bits.indexOf('0')) : -1
}

/** An address without port, brackets and zone, an IPv4-mapped one as IPv4; `null` if it is not an address. */
export function plainAddress(text: string): string | null {
  const trimmed = text.trim()
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed) ?? []
  const [, withoutPort] = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(trimmed) ?? []
  const [address = ''] = (bracketed ?? withoutPort ?? trimmed).split('%')
  const kind = isIP(address)
  if (kind === 0) return null
  if (kind === 4) return address
  const groups = groupsOf(address)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (!isMapped) return address.toLowerCase()
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const [, a = 0, b = 0, c = 0, d = 0] = (dotted ?? []).map(Number)
  const hex = (high: number, low: number) => ((high << 8) | low).toString(16)
  const plain = dotted ? `${address.slice(0, dotted.index)}${hex(a, b)}:${hex(c, d)}` : address
  const [before = '', after] = plain.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const head = groups(before)
  const tail = after === undefined ? [] : groups(after)
  const middle = after === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => 0)
  return [...head, ...middle, ...tail]
}

/**
 * The key of limits per address: IPv4 addresses, or IPv6 /64s, since a customer has a /64 as a household has one IPv4 address.
 */
export function limitKey(text: string): string {
  const address = plainAddress(text)
  if (address === null || !address.includes(':')) return address ?? text
  return `${groupsOf(address)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

/** The peer of the socket; a peer without an address (a Unix socket) is on this machine. */
export function peerOf({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? '') ?? '127.0.0.1'
}

/** Whether the request has a proxy's forwarding header. */
export function isForwarded({ headers }: IncomingMessage): boolean {
  return headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined
}

export function isPrivateAddress(address: string): boolean {
  return isPrivate(address, 0)
}

/**
 * Finds the client's address: the nearest one that is no trusted proxy, as Express finds `request.ip`. Without a trusted proxy,
 * headers from the client have no effect. `undefined` for this machine: behind an untrusted proxy all clients have its address,
 * and must not be counted as one.
 */
export function clientAddress(request: IncomingMessage, isTrusted: TrustedProxy): string | undefined {
  let address = peerOf(request)
  const hops = isForwarded(request) && isTrusted(address, 0) ? [...forwardedFor(request)].reverse() : []
  for (const [index, hop] of hops.entries()) {
    if (!isTrusted(address, index)) break
    const next = plainAddress(hop)
    // An invalid entry does not identify the client: the hop that forwarded it counts instead.
    if (next === null) break
    address = next
  }
  return isLoopback(address, 0) ? undefined : address
}

/** The addresses of `X-Forwarded-For`, or without it those of `Forwarded` (RFC 7239), the client's first. */
export function forwardedFor({ headers }: IncomingMessage): readonly string[] {
  const given = headers['x-forwarded-for']
  if (given !== undefined) return String(given).split(',')
  return forwardedElements(headers.forwarded).map((element) => element.get('for') ?? '')
}

/** The elements of a `Forwarded` header, each as a map of its parameters, with names in lower case. */
export function forwardedElements(header: string | undefined): readonly ReadonlyMap<string, string>[] {
  return split(header ?? '', ',').map((element) => {
    const pairs = split(element, ';').map((pair): [string, string] => {
      const at = pair.indexOf('=')
      return [pair.slice(0, Math.max(0, at)).trim().toLowerCase(), unquoted(pair.slice(at + 1).trim())]
    })
    return new Map(pairs)
  })
}

/**
 * Splits at a character, except inside quotes. Reads from the end: a proxy appends a well-formed element, and what its client has
 * sent before, such as a quote that does not end, must not change how that element is read.
 */
function split(text: string, sign: string): readonly string[] {
  const parts: string[] = []
  let end = text.length
  let isQuoted = false
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const char = text[at]
    if (char === '"') isQuoted = !isQuoted || isEscaped(text, at)
    else if (!isQuoted && char === sign) {
      parts.push(text.slice(at + 1, end))
      end = at
    }
  }
  parts.push(text.slice(0, end))
  return parts.reverse()
}

/** Whether an odd number of backslashes precedes the character. */
function isEscaped(text: string, at: number): boolean {
  let from = at
  while (text[from - 1] === '\\') from -= 1
  return (at - from) % 2 === 1
}

function unquoted(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value
}
