import { createContext, runInContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { RealtimeClient, type RealtimeOptions } from '../../src/index.ts'
import { betterSse, nchan } from '../../src/protocols/index.ts'
import { session } from '../../src/session/index.ts'
import { openFrame } from '../support/hand-network.ts'
import { manualPage } from '../support/manual-host.ts'

const protocolOf = (mode: 'plain' | 'session') => (mode === 'session' ? session() : mode)

interface Asked {
  readonly url: string
  readonly init: RequestInit
}

const signed = '/rt?name=My%20file&tilde=~x&list[]=1&plus=a+b&empty&sig=a%2fB%3D%3D'

/** Runs a client whose requests are answered by `answer`; the result has its requests and its WebSocket dials. */
async function run(url: string | URL, options: RealtimeOptions, answer: (asked: Asked) => Response, ms = 4000) {
  const page = manualPage()
  const asked: Asked[] = []
  const dialled: { readonly url: string; readonly protocols: readonly string[] }[] = []
  class Socket {
    bufferedAmount = 0
    constructor(url: string, protocols: readonly string[] = []) {
      dialled.push({ url, protocols })
    }
    send() {}
    close() {}
  }
  const fetch = async (url: string, init: RequestInit) => {
    // Throws, as in a browser, for what no request can have.
    void new Request(url, { ...init, signal: null, mode: 'cors', ...(init.body && { duplex: 'half' }) } as RequestInit)
    asked.push({ url, init })
    return answer({ url, init })
  }
  const client = new RealtimeClient(url, {
    probe: false,
    ...options,
    host: { ...page.host, fetch, WebSocket: Socket, ...options.host },
  })
  const causes: string[] = []
  client.addEventListener('error', ({ diagnosis }) => void causes.push(diagnosis.cause))
  await page.pass(ms)
  return {
    client,
    asked,
    dialled,
    causes,
    page,
    header: (name: string) => asked.map(({ init }) => new Headers(init.headers).get(name)),
  }
}

const events = (text: string) => () => new Response(text, { headers: { 'Content-Type': 'text/event-stream' } })

describe('a signed URL is not re-encoded', () => {
  const stays = (url = '') => expect(new URL(url).pathname + new URL(url).search).toMatch(signed)
  const tagged = () => new Response('m', { headers: { ETag: 'e 1' } })

  it.each(['sse', 'long-poll', 'poll', 'websocket'] as const)(
    'over %s by the query of prepare() and the cursor',
    async (transport) => {
      const prepare = () => ({ query: { token: 'a b+c' } })
      const host = { baseUrl: 'https://page.example/' }
      const answer = transport === 'sse' ? events('id: e 1\ndata: x\n\n') : tagged
      const { client, asked, dialled } = await run(
        `https://api.example${signed}`,
        { transports: [transport], prepare, host },
        answer,
        9000,
      )
      const urls = transport === 'websocket' ? dialled : asked
      expect(urls.length).toBeGreaterThan(transport === 'websocket' ? 0 : 1)
      for (const { url } of urls) stays(url)
      const last = urls.at(-1)?.url ?? ''
      expect(last).toBe(
        `${transport === 'websocket' ? 'wss' : 'https'}://api.example${signed}&token=a%20b%2Bc${transport === 'websocket' ? '' : '&last_event_id=e%201'}`,
      )
      void client.close()
    },
  )

  it('by a POST', async () => {
    const { client, asked, page } = await run(
      'https://api.example/rt',
      { transports: [{ type: 'long-poll', sendUrl: signed }], prepare: () => ({ query: { t: '1' } }) },
      () => new Response('ok'),
    )
    client.send('x')
    await page.pass(100)
    expect(asked.find(({ init }) => init.method === 'POST')?.url).toBe(`https://api.example${signed}&t=1`)
    void client.close()
  })

  it.each(['sse', 'long-poll', 'poll', 'websocket'] as const)('in a session over %s and its questions', async (transport) => {
    const { client, asked, dialled } = await run(
      `https://api.example${signed}`,
      { protocol: session(), transports: [transport], probe: true, connectTimeoutMs: 500 },
      () => {
        throw new TypeError('fetch failed')
      },
    )
    const urls = [...asked, ...dialled].map(({ url }) => url)
    for (const url of urls) stays(url)
    expect(urls.filter((url) => /1&plus=.*&attempt=[\w-]+$/.test(url)).length).toBeGreaterThan(0)
    expect(urls.some((url) => /&diagnose=[\w-]+$/.test(url))).toBe(true)
    void client.close()
  })

  it('except for parameters of the same name, which are replaced', async () => {
    const { client, asked } = await run(
      'https://api.example/rt?a=%7e&token=old&b=~&to%6ben=older',
      { transports: ['poll'], prepare: () => ({ query: { token: 'new' } }) },
      () => new Response('x'),
    )
    expect(asked[0]?.url).toBe('https://api.example/rt?a=%7e&b=~&token=new')
    void client.close()
  })

  it('by nchan()', async () => {
    const { client, asked } = await run(
      `https://api.example${signed}`,
      { transports: ['poll'], protocol: nchan() },
      () => new Response('x'),
    )
    expect(asked[0]?.url).toBe(`https://api.example${signed}&mode=poll`)
    void client.close()
  })
})

describe('the id of an event', () => {
  const host = { pageOrigin: 'https://api.example' }

  it.each([
    ['日本-7', 'æ\u0097¥æ\u009c¬-7'],
    ['é7', 'Ã©7'],
    ['🙂', 'ð\u009f\u0099\u0082'],
    ['plain 7', 'plain 7'],
  ])('%s is sent as UTF-8, as by a native EventSource', async (id, bytes) => {
    const { client, header, causes } = await run(
      'https://api.example/rt',
      { transports: ['sse'], host },
      events(`id: ${id}\ndata: x\n\n`),
    )
    expect(header('last-event-id').slice(1)).toContain(bytes)
    expect(new Set(causes)).toEqual(new Set(['stream.ended']))
    void client.close()
  })

  it.each(['a\u0001b', 'a\u007f', ' lead', 'trail ', '\u00a0'])(
    '%j, which is not valid in a header, is sent in the query',
    async (id) => {
      for (const protocol of [undefined, betterSse()]) {
        const { client, asked, header } = await run(
          'https://api.example/rt',
          { transports: ['sse'], host, ...(protocol && { protocol }) },
          events(`id: ${id}\ndata: x\n\n`),
        )
        expect(new URL(asked[1]?.url ?? '').searchParams.get(protocol ? 'lastEventId' : 'last_event_id')).toBe(id)
        expect(new Set(header('last-event-id'))).toEqual(new Set([null]))
        void client.close()
      }
    },
  )
})

describe('the origin of a page', () => {
  it.each([
    ['is its own though its <base> has that of another server', 'https://api.example', 'https://cdn.example/', true],
    ['is its own though its <base> has that of the server', 'https://page.example', 'https://api.example/', false],
    ['is opaque if it is sandboxed', 'null', 'https://api.example/', false],
  ])('%s', async (_, pageOrigin, baseUrl, isSame) => {
    const { client, asked, header } = await run(
      'https://api.example/rt',
      { transports: ['sse'], host: { pageOrigin, baseUrl } },
      events('id: 7\ndata: x\n\n'),
    )
    expect(header('last-event-id')[1]).toBe(isSame ? '7' : null)
    expect(new URL(asked[1]?.url ?? '').search).toBe(isSame ? '' : '?last_event_id=7')
    void client.close()
  })
})

describe('a page whose URL contains credentials', () => {
  const host = { baseUrl: 'https://user:pass@api.example/page', pageOrigin: 'https://api.example' }

  it.each(['plain', 'session'] as const)('sends no request with them in %s mode', async (protocol) => {
    const { client, asked, causes } = await run(
      '/rt',
      { protocol: protocolOf(protocol), transports: ['sse', 'long-poll', 'poll'], host, probe: true },
      () => new Response(null, { status: 500 }),
    )
    expect(causes).toContain('http.500')
    expect(causes).not.toContain('net.unreachable')
    expect(asked.filter(({ url }) => !url.startsWith('https://api.example/'))).toEqual([])
    void client.close()
  })
})

describe('a value that no browser sends', () => {
  const sockets = (subprotocols: unknown) => ({ transports: [{ type: 'websocket', subprotocols } as never] })

  it.each([[['bearer.YWJj==']], [['a b']], [['']], [['a', 'a']], [['bö']], 'chat', [[7]]])(
    'is refused in the option subprotocols: %j',
    (given) => {
      const { host } = manualPage()
      const construct = () => new RealtimeClient('https://api.example/', { ...sockets(given), host })
      expect(construct).toThrow(TypeError)
      expect(construct).toThrow(/transports\[0\]\.subprotocols must be left out or a list of tokens/)
    },
  )

  it.each([
    ['a header value', { headers: { Authorization: 'Bearer токен' } }, /Authorization/],
    ['a header value with a line break', { headers: { 'X-A': 'a\nb' } }, /X-A/],
    ['a header name', { headers: { 'X A': 'b' } }, /"X A"/],
    ['headers that are no plain object', { headers: new Headers({ a: 'b' }) as never }, /headers which/],
    ['headers that are null', { headers: null as never }, /headers which/],
    ['a subprotocol', { subprotocols: ['bearer.YWJj=='] }, /number 1/],
    ['a subprotocol twice', { subprotocols: ['a', 'a'] }, /number 2/],
    ['subprotocols that are a string', { subprotocols: 'chat' as never }, /no list/],
  ])('such as %s from prepare() ends the client, and is not shown', async (_, preparation, detail) => {
    for (const transport of ['websocket', 'sse', 'long-poll', 'poll'] as const) {
      const { client, asked, dialled } = await run(
        'https://api.example/',
        { transports: [transport], prepare: () => preparation },
        () => new Response('x'),
        60_000,
      )
      expect(client.state).toMatchObject({ status: 'closed', diagnosis: { cause: 'client.unprepared', verdict: 'stop' } })
      const { state } = client
      const message = (state.status === 'closed' && state.diagnosis?.message) || ''
      expect(message).toMatch(detail)
      expect(message).not.toMatch(/токен|YWJj/)
      expect([asked, dialled]).toEqual([[], []])
    }
  })

  it.each(['websocket', 'sse', 'long-poll', 'poll'] as const)(
    'such as auth that is no JSON ends the client of a session: %s',
    async (transport) => {
      const prepare = () => ({ auth: { id: 7n } })
      const { client, asked, dialled } = await run(
        'https://api.example/',
        { protocol: session(), transports: [transport], prepare },
        () => new Response('x'),
        60_000,
      )
      expect(client.state).toMatchObject({ status: 'closed', diagnosis: { cause: 'client.unprepared', verdict: 'stop' } })
      expect([asked, dialled]).toEqual([[], []])
    },
  )

  it('white space around a header value is removed, as in browsers', async () => {
    const { client, header } = await run(
      'https://api.example/',
      { transports: ['poll'], prepare: () => ({ headers: { 'X-A': 'b\n' } }) },
      () => new Response('x'),
    )
    expect(header('x-a')[0]).toBe('b')
    void client.close()
  })
})

describe('content types', () => {
  it.each([
    ['Text/Event-Stream', true],
    ['TEXT/EVENT-STREAM ; charset=utf-8', true],
    ['text/event-streaming', false],
    ['text/event-stream+json', false],
  ])('%s is an event stream: %s', async (type, isStream) => {
    for (const protocol of ['plain', 'session'] as const) {
      const { client, causes } = await run(
        'https://api.example/',
        { protocol: protocolOf(protocol), transports: ['sse'] },
        () =>
          new Response(protocol === 'plain' ? 'data: x\n\n' : `data: ${openFrame()}\n\ndata: x{"code":4500}\n\n`, {
            headers: { 'Content-Type': type },
          }),
        50,
      )
      const [read, refused] = { plain: ['stream.ended', 'http.not_realtime'], session: ['close.4500', 'protocol-mismatch'] }[
        protocol
      ]
      expect(causes[0]).toBe(isStream ? read : refused)
      void client.close()
    }
  })

  it.each(['TEXT/HTML', 'text/html;x', 'Application/XHTML+xml', 'Text/Event-Stream'])(
    'an answer of type %s to a poll is no message',
    async (type) => {
      const { client, causes } = await run(
        'https://api.example/',
        { transports: ['poll'] },
        () => new Response('x', { headers: { 'Content-Type': type } }),
      )
      expect(causes[0]).toBe('http.not_realtime')
      void client.close()
    },
  )
})

describe('values of another realm', () => {
  const foreign = createContext({ Blob, URL })
  const make = (code: string): never => runInContext(code, foreign) as never

  it.each([
    ['an ArrayBuffer', 'new Uint8Array([1, 2, 3]).buffer'],
    ['a view', 'new Uint8Array([0, 1, 2, 3]).subarray(1)'],
    ['a DataView', 'new DataView(new Uint8Array([1, 2, 3]).buffer)'],
    ['a SharedArrayBuffer', '(() => { const b = new SharedArrayBuffer(3); new Uint8Array(b).set([1, 2, 3]); return b })()'],
    ['a shared view', '(() => { const v = new Uint8Array(new SharedArrayBuffer(3)); v.set([1, 2, 3]); return v })()'],
  ])('%s can be sent, and counts towards maxBytes', async (_, code) => {
    for (const protocol of ['plain', 'session'] as const) {
      const { client } = await run(
        'https://api.example/',
        { protocol: protocolOf(protocol), transports: ['poll'], outbox: { maxBytes: 5 } },
        () => new Response(null, { status: 500 }),
      )
      client.send(make(code))
      expect(() => client.send(make(code))).toThrow(RangeError)
      const { unsent, unconfirmed } = await client.close()
      expect([...unsent, ...unconfirmed]).toHaveLength(1)
    }
  })

  it('an object with the tag of a URL is accepted as a URL', async () => {
    const { host } = manualPage()
    const url = make('Object.create(Object.getPrototypeOf(new URL("https://api.example/x")))')
    expect(Object.prototype.toString.call(url)).toBe('[object URL]')
    class ForeignUrl {
      get [Symbol.toStringTag]() {
        return 'URL'
      }
      toString() {
        return 'https://api.example/x'
      }
    }
    expect(() => new RealtimeClient(new ForeignUrl() as unknown as URL, { host, autoConnect: false })).not.toThrow()
  })

  it('an error is reported by its name, without its message', async () => {
    const { client } = await run('https://api.example/', { transports: ['poll'] }, () => {
      throw make('new TypeError("GET https://api.example/?token=secret failed")')
    })
    const { state } = client
    const evidence = state.status === 'waiting' ? state.diagnosis.evidence : {}
    expect(evidence).toMatchObject({ kind: 'broken', detail: 'TypeError' })
    void client.close()
  })

  it('a received ArrayBuffer counts towards the limit of unread bytes', async () => {
    const page = manualPage()
    let say = (_: unknown) => {}
    class Socket {
      bufferedAmount = 0
      onopen: ((event: object) => void) | null = null
      onmessage: ((event: object) => void) | null = null
      constructor() {
        setImmediate(() => this.onopen?.({}))
        say = (data) => this.onmessage?.({ data })
      }
      send() {}
      close() {}
    }
    const client = new RealtimeClient('https://api.example/', {
      transports: ['websocket'],
      host: { ...page.host, WebSocket: Socket },
    })
    const messages = client[Symbol.asyncIterator]()
    await page.pass(100)
    await page.pass(100)
    for (let n = 0; n < 3; n += 1) say(make('new ArrayBuffer(600000)'))
    await messages.next()
    await expect(messages.next()).rejects.toThrow(RangeError)
    void client.close()
  })
})
