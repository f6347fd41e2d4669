import { type FrameOptions, opcodes, postText, requestText, upgradeText, webSocketFrame } from './raw-tcp.ts'
import { seeded } from './seeded.ts'

/** How a connection ends once its bytes are written. */
export type Ending = 'fin' | 'reset' | 'half-open' | 'destroy'

/** One connection of a fuzz: what is written, in which segments, and how it ends. */
export interface FuzzCase {
  readonly segments: readonly Buffer[]
  readonly ending: Ending
  /** Whether it waits for bytes of the server before it ends. */
  readonly isPatient: boolean
}

const endings: readonly Ending[] = ['fin', 'reset', 'half-open', 'destroy']
/** So few that several connections belong to the same session. */
const sessions = Array.from({ length: 40 }, (_, index) => `fuzz-session-number-${index + 10}`)

/** Words with a meaning to a server, which replace others. */
const tokens = [
  ...[
    'GET',
    'POST',
    'OPTIONS',
    'HEAD',
    'CONNECT',
    'PRI',
    '/realtime',
    '/realtime/',
    '/%72ealtime',
    '//',
    '*',
    'http://x/realtime',
  ],
  ...[
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    'HTTP/9',
    '\r\n',
    '\n',
    '\r',
    '\0',
    '\u00ff',
    ':',
    ';',
    ',',
    ' ',
    '\t',
    '0',
    '-1',
    '1e9',
  ],
  ...['chunked', 'gzip, chunked', 'identity', '100-continue', 'close', 'keep-alive', 'Upgrade', 'websocket', 'h2c', 'TLS/1.0'],
  ...['steadfast.v1', 's.', 's.e30', 'permessage-deflate', 'null', '[]', '{}', '"', '\\', '__proto__', '9007199254740993', 'NaN'],
]

/** Generates the cases of a run. Each depends only on the seed and its number, so that it can be reproduced. */
export class Fuzz {
  readonly #seed: number
  readonly #templates: readonly Buffer[]
  /** The first cases, which cut every template behind every byte. */
  readonly #cuts: number

  constructor(seed: number) {
    this.#seed = seed
    this.#templates = new Maker(seeded(seed)).templates()
    this.#cuts = this.#templates.reduce((sum, { length }) => sum + length, 0)
  }

  get cuts(): number {
    return this.#cuts
  }

  at(index: number): FuzzCase {
    const random = seeded(this.#seed + 0x9e3779b1 * (index + 1))
    return index < this.#cuts ? this.#cut(index, random) : new Maker(random).one()
  }

  #cut(index: number, random: () => number): FuzzCase {
    let left = index
    for (const template of this.#templates) {
      const ending = endings[Math.floor(random() * endings.length)] ?? 'reset'
      if (left < template.length) return { segments: [template.subarray(0, left + 1)], ending, isPatient: random() < 0.2 }
      left -= template.length
    }
    throw new RangeError('There is no such case.')
  }
}

class Maker {
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** One well-formed connection of each kind. */
  templates(): readonly Buffer[] {
    const [session = ''] = sessions
    const greeted = upgradeText({ session, turn: 1 })
    const frames = [
      webSocketFrame(opcodes.text, 'm1:echo'),
      webSocketFrame(opcodes.binary, '2\nbytes'),
      webSocketFrame(opcodes.close),
    ]
    const body = JSON.stringify({ v: 1, session, k: 3, n: 1, send: true })
    return [
      postText({ session, wait: 0 }, ['m1:echo']),
      postText({ session, k: 2 }),
      `${postText({ session, send: true }, ['M[1,"echo","b"]', 't1'])}${requestText('GET', '/realtime?diagnose=x')}`,
      requestText(
        'POST',
        '/realtime',
        { 'Transfer-Encoding': 'chunked' },
        `${body.length.toString(16)};a=b\r\n${body}\r\n0\r\nA: b\r\n\r\n`,
      ),
      requestText('OPTIONS', '/realtime', { Origin: 'http://127.0.0.1', 'Access-Control-Request-Method': 'POST' }),
      upgradeText(null),
      Buffer.concat([Buffer.from(greeted), ...frames]).toString('latin1'),
    ].map((text) => Buffer.from(text, 'latin1'))
  }

  one(): FuzzCase {
    let bytes = this.#odds(0.45) ? this.#webSocket() : this.#requests()
    if (this.#odds(0.4)) bytes = this.#mutated(bytes)
    if (this.#odds(0.3)) bytes = bytes.subarray(0, this.#below(bytes.length + 1))
    const segments = this.#odds(0.5) ? [bytes] : this.#cutUp(bytes)
    return { segments, ending: this.#pick(endings), isPatient: this.#odds(0.3) }
  }

  #requests(): Buffer {
    const count = this.#odds(0.6) ? 1 : 1 + this.#below(5)
    return Buffer.from(Array.from({ length: count }, () => this.#request()).join(''), 'latin1')
  }

  #request(): string {
    const path = this.#pick([
      '/realtime',
      '/realtime',
      '/realtime?attempt=a1',
      '/realtime?diagnose=a1',
      '/',
      '/other',
      'http://x/realtime',
    ])
    const kinds: readonly (() => string)[] = [
      () => postText(this.#hello(), this.#lines()),
      () => postText(this.#hello(), this.#lines()),
      () => postText(this.#hello(), this.#lines(), this.#headers()),
      () => requestText('POST', path, { 'Transfer-Encoding': 'chunked', ...this.#headers() }, this.#chunks()),
      () =>
        requestText('POST', path, { 'Content-Length': this.#pick(['0', '5', '99999999', '-1', '1e3', '5, 5']) }, this.#hello()),
      () => requestText('POST', path, { 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }, this.#chunks()),
      () => postText(this.#hello(), [], { Expect: this.#pick(['100-continue', 'something']) }),
      () => requestText(this.#pick(['GET', 'HEAD', 'PUT', 'DELETE', 'TRACE', 'PATCH', 'CONNECT', 'PRI']), path, this.#headers()),
      () => requestText('OPTIONS', path, this.#headers()),
      () => requestText('GET', path, { Connection: 'Upgrade', Upgrade: this.#pick(['h2c', 'TLS/1.0', 'websocket', '']) }),
      () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      () => requestText('GET', `/${'x'.repeat(this.#pick([2048, 4000, 20_000]))}`),
      () =>
        requestText(
          'GET',
          path,
          Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`x${at}`, 'y'.repeat(this.#below(40))])),
        ),
      () => upgradeText(this.#odds(0.5) ? null : this.#hello(), this.#headers(), path),
    ]
    return this.#pick(kinds)()
  }

  #webSocket(): Buffer {
    const odd = this.#odds(0.2) ? { 'Sec-WebSocket-Protocol': this.#pick(['steadfast.v1', 's.e30', 'a, b', ', ,', '\t']) } : {}
    const broken = this.#odds(0.1) ? { [this.#pick(['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Upgrade'])]: 'x' } : {}
    const handshake = upgradeText(this.#hello(), { ...odd, ...broken, ...this.#headers() })
    const frames = Array.from({ length: this.#below(12) }, () => this.#frame())
    return Buffer.concat([Buffer.from(handshake, 'latin1'), ...frames])
  }

  #frame(): Buffer {
    const options: FrameOptions = {
      isFinal: this.#odds(0.9),
      reserved: this.#odds(0.95) ? 0 : this.#below(8),
      isMasked: this.#odds(0.97),
      ...(this.#odds(0.97) ? {} : { claimedLength: this.#pick([0, 125, 126, 65_536, 2 ** 31, 2 ** 53, 2 ** 63]) }),
    }
    const kinds: readonly (() => Buffer)[] = [
      () => webSocketFrame(opcodes.text, this.#line(), options),
      () => webSocketFrame(opcodes.text, this.#line(), options),
      () => webSocketFrame(opcodes.text, this.#line(), options),
      () => webSocketFrame(opcodes.binary, `${this.#below(9)}\n${'b'.repeat(this.#below(300))}`, options),
      () => webSocketFrame(opcodes.continuation, this.#line(), options),
      () => webSocketFrame(opcodes.ping, 'x'.repeat(this.#below(130)), options),
      () => webSocketFrame(opcodes.pong, '', options),
      () => webSocketFrame(opcodes.close, Buffer.from([this.#below(20), this.#below(256), 0x61]), options),
      () => webSocketFrame(this.#below(16), Buffer.from([0xff, 0, 0xc3]), options),
    ]
    return this.#pick(kinds)()
  }

  #hello(): string {
    const member = (name: string, value: unknown, chance: number) => (this.#odds(chance) ? { [name]: value } : {})
    const n = 1 + this.#below(4)
    const hello = {
      // A new session, so that any numbers are valid.
      v: 1,
      session: this.#odds(0.5) ? this.#pick(sessions) : `fuzz-own-${this.#below(1e9)}`.padEnd(22, '-'),
      k: 1 + this.#below(9),
      n,
      ...member('wait', this.#pick([0, 0, 50, 1000, 60_000]), 0.5),
      ...member('send', true, 0.25),
      ...member('turn', 1 + this.#below(9), 0.5),
      ...member('last', n + this.#below(4), 0.3),
      ...member('before', this.#below(6), 0.2),
      ...member('cursor', this.#pick(['', '0.0~e', '0.5~e,1.2~k', '0.x', '9.9']), 0.3),
      ...member('auth', this.#pick([null, 'ann', { toString: 1 }, 'x'.repeat(3000)]), 0.2),
      ...member(this.#pick(['v', 'session', 'k', 'n', '__proto__']), this.#pick([null, -1, 'x', [], 2 ** 60]), 0.1),
    }
    const text = JSON.stringify(hello)
    return this.#odds(0.9) ? text : text.slice(0, this.#below(text.length))
  }

  #lines(): readonly string[] {
    return Array.from({ length: this.#below(6) }, () => this.#line())
  }

  #line(): string {
    const n = 1 + this.#below(6)
    const kinds: readonly (() => string)[] = [
      () => `m${n}:echo ${'x'.repeat(this.#below(200))}`,
      () => `m${n}:echo`,
      () => `M[${n},"echo","b","c"]`,
      () => `M[${n},${this.#pick(['null', '[]', '{}', '""', '"\\ud800"'])}]`,
      () => `b${n}:${this.#pick(['AAAA', 'AQ==', '@', ''])}`,
      () => `C${n}:${this.#call()}`,
      () => `C${n}:${this.#call()}`,
      () => `w${n}`,
      () => `t${n}`,
      () => `t${n}.${this.#pick(['0', '7', '-1', '1e99', '9007199254740991', ''])}`,
      () => `a0.${n}~e`,
      () => `x${this.#pick(['{"code":1000}', '{"code":4000}', '{"code":3000,"reason":"x"}', '{"code":{}}', '{'])}`,
      () => this.#pick(['p', 'q', 'z', '', '7', 'o{}', 'r1', 'h{', 'g{}', 's{"at":1}', 'u{}', 'B0.1', 'B', ' ']),
    ]
    return this.#pick(kinds)()
  }

  /** A call, often with a member of a wrong type, or more members than its type has. */
  #call(): string {
    const wrong: readonly unknown[] = [null, -1, 1.5, '', 'x', [], {}, { toString: 1 }, true, 2 ** 60, 'x'.repeat(2000)]
    const known = {
      type: ['request', 'publish', 'subscribe', 'unsubscribe', 'members', 'abort', 'reply', 'error', 'toString'],
      topic: ['news', 'presence:news', 'node x', '\u0000'],
      data: ['echo', 'throw'],
      utf8: ['ZWNobw==', '@'],
      base64: ['AAEC', 'A'],
      of: [1, 2, 3, 7],
      to: ['s1', '1', '../x'],
      code: ['closed', 'internal', 'no code'],
      message: ['text'],
      since: [0, 5, 'start', { last: 2 }, { last: -1 }],
      after: [
        { epoch: 'e', offset: 1 },
        { epoch: '~', offset: 1 },
      ],
      params: [null, { room: 1 }],
    }
    const members = Object.entries(known).filter(([name]) => name === 'type' || this.#odds(0.35))
    const call = members.map(([name, values]) => [
      name,
      this.#odds(0.85) ? this.#pick<unknown>(values) : this.#pick<unknown>(wrong),
    ])
    const text = JSON.stringify(Object.fromEntries(call))
    return this.#odds(0.95) ? text : text.slice(0, this.#below(text.length))
  }

  #headers(): Readonly<Record<string, string>> {
    const all: readonly (readonly [string, string])[] = [
      ['Origin', this.#pick(['null', 'http://127.0.0.1', 'https://evil.example', 'x', 'file://'])],
      ['Host', this.#pick(['', 'x', 'a b', '127.0.0.1:99999', '[::1'])],
      ['Cookie', 'a=b'],
      ['Connection', this.#pick(['close', 'keep-alive', 'Upgrade', 'x, y'])],
      ['Sec-Fetch-Site', this.#pick(['same-origin', 'cross-site', 'x'])],
      ['X-Forwarded-For', this.#pick(['1.2.3.4', 'x, y', ''])],
      ['Content-Type', this.#pick(['application/json', 'multipart/form-data', ''])],
      ['Content-Encoding', 'gzip'],
      ['Sec-WebSocket-Extensions', this.#pick(['permessage-deflate', 'x; y=', ';;,'])],
      ['Sec-WebSocket-Key', this.#pick(['', 'short', 'dGhlIHNhbXBsZSBub25jZQ=='])],
    ]
    return Object.fromEntries(all.filter(() => this.#odds(0.12)))
  }

  #chunks(): string {
    const parts = [this.#hello(), ...this.#lines().map((line) => `\n${line}`)].map((part) => {
      const size = this.#odds(0.9)
        ? part.length.toString(16)
        : this.#pick(['0', '-1', 'x', 'ffffffffffffffff', '00000000000001', ''])
      return `${size}${this.#odds(0.8) ? '' : this.#pick([';a', ';a="b"', ' ', ';\0'])}\r\n${part}\r\n`
    })
    return `${parts.join('')}${this.#pick(['0\r\n\r\n', '0\r\n\r\n', '0\r\nA: b\r\n\r\n', '0\r\n\0\r\n', '', '0\r\n'])}`
  }

  #mutated(bytes: Buffer): Buffer {
    let mutated = bytes
    for (let count = 1 + this.#below(4); count > 0; count -= 1) {
      const at = this.#below(mutated.length + 1)
      const to = Math.min(mutated.length, at + this.#below(12))
      const kinds: readonly (() => Buffer)[] = [
        () => Buffer.from([this.#below(256)]),
        () => Buffer.alloc(0),
        () => Buffer.from(this.#pick(tokens), 'latin1'),
        () => Buffer.concat([mutated.subarray(at, to), mutated.subarray(at, to)]),
      ]
      mutated = Buffer.concat([mutated.subarray(0, at), this.#pick(kinds)(), mutated.subarray(this.#odds(0.5) ? at : to)])
    }
    return mutated
  }

  #cutUp(bytes: Buffer): readonly Buffer[] {
    const segments: Buffer[] = []
    for (let from = 0; from < bytes.length && segments.length < 5; ) {
      const to = segments.length === 4 ? bytes.length : from + 1 + this.#below(bytes.length - from)
      segments.push(bytes.subarray(from, to))
      from = to
    }
    return segments
  }

  #odds(chance: number): boolean {
    return this.#random() < chance
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #pick<Value>(values: readonly Value[]): Value {
    const value = values[this.#below(values.length)]
    if (value === undefined) throw new RangeError('There is nothing to pick.')
    return value
  }
}
