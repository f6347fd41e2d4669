import { WebSocket as MockWebSocket, Server } from 'mock-socket'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Host, WebSocketLike } from '../../src/api/host.ts'
import type { Call } from '../../src/api/transport.ts'
import { plain } from '../../src/protocols/plain.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { manualPage } from '../support/manual-host.ts'

// mock-socket has no refusals: what it reports for one is a clean 1000. Those are tested by hand below and on real servers.
type Constructor = NonNullable<Host['WebSocket']>
const mocked = MockWebSocket as unknown as Constructor

/** The host of these tests: the timers are vitest's. */
function hostOf(WebSocket: Constructor | undefined): Host {
  return {
    ...manualPage().host,
    now: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
    WebSocket,
  }
}

function dial(WebSocket: Constructor | undefined, more: Partial<Call> = {}) {
  const said: unknown[] = []
  const controller = new AbortController()
  const url = new URL('https://ws.example/realtime?a=1')
  const call: Call = {
    url,
    sendUrl: url,
    headers: {},
    subprotocols: [],
    id: 1,
    attempt: 'a',
    credentials: 'same-origin',
    protocol: plain(),
    cursor: () => null,
    host: hostOf(WebSocket),
    signal: controller.signal,
    ...more,
  }
  const link = websocket().dial(call, {
    opened: (roundTripMs) => void said.push(['opened', roundTripMs]),
    heard: () => void said.push('heard'),
    received: ({ data }) => void said.push(data),
    moved: (cursor) => void said.push(['moved', cursor]),
    failed: (report) => void said.push(report),
  })
  return { said, link, hangUp: () => controller.abort() }
}

/** A socket whose events the test raises. */
class HandSocket implements WebSocketLike {
  static made: HandSocket[] = []
  binaryType: BinaryType = 'blob'
  bufferedAmount = 0
  readonly protocol = ''
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onerror: WebSocketLike['onerror'] = null
  onclose: WebSocketLike['onclose'] = null
  readonly closes: unknown[] = []
  readonly url: string
  readonly protocols: string[] | undefined
  constructor(url: string, protocols?: string[]) {
    this.url = url
    this.protocols = protocols
    HandSocket.made.push(this)
  }
  send() {}
  close(code?: number, reason?: string) {
    this.closes.push([code, reason])
  }
}

function byHand(more: Partial<Call> = {}) {
  const bench = dial(HandSocket as unknown as Constructor, more)
  const socket = HandSocket.made.at(-1)
  if (!socket) throw new Error('No socket was made.')
  return { ...bench, socket }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe('the transport against a server', () => {
  let server: Server
  beforeEach(() => {
    server = new Server('wss://ws.example/realtime?a=1')
  })
  afterEach(() => {
    server.stop()
    vi.runAllTimers()
  })

  it('opens, writes and reads text and bytes', () => {
    const got: unknown[] = []
    server.on('connection', (socket) => {
      socket.on('message', (data) => {
        got.push(data)
        socket.send(data)
      })
    })
    const { said, link, hangUp } = dial(mocked)
    vi.advanceTimersByTime(20)
    const bytes = new Uint8Array([1, 2]).buffer
    expect(link.write('text', new AbortController().signal)).toBeUndefined()
    link.write(bytes, new AbortController().signal)
    vi.advanceTimersByTime(20)
    expect(got).toEqual(['text', bytes])
    expect(said[0]).toEqual(['opened', expect.any(Number)])
    expect(said.slice(1)).toEqual(['heard', 'text', 'heard', bytes])
    hangUp()
    vi.runAllTimers()
  })

  it("reports a server's close once, with its code and its reason", () => {
    server.on('connection', (socket) => socket.close({ code: 4001, reason: 'go', wasClean: true }))
    const { said } = dial(mocked)
    vi.advanceTimersByTime(100)
    expect(said.filter((each) => typeof each === 'object' && !Array.isArray(each))).toEqual([
      // mock-socket reports every close by its server as not clean.
      { kind: 'closed', code: 4001, reason: 'go', wasClean: false, hasErred: false },
    ])
  })

  it('receives nothing more once it is hung up, and the server sees the close', () => {
    const closes: unknown[] = []
    server.on('close', () => closes.push('closed'))
    const { said, hangUp } = dial(mocked)
    vi.advanceTimersByTime(20)
    hangUp()
    server.emit('message', 'late')
    vi.runAllTimers()
    expect(said).toHaveLength(1)
    expect(closes).toEqual(['closed'])
  })

  it('offers the subprotocols that it is given', () => {
    const { said, hangUp } = dial(mocked, { subprotocols: ['v1'] })
    server.on('connection', (socket) => expect(socket.protocol).toBe('v1'))
    vi.advanceTimersByTime(20)
    expect(said).toHaveLength(1)
    hangUp()
    vi.runAllTimers()
  })
})

describe('the socket', () => {
  it('has the ws form of the URL, offers no subprotocol by default, and has binaryType arraybuffer', () => {
    const { socket, hangUp } = byHand()
    expect([socket.url, socket.protocols, socket.binaryType]).toEqual(['wss://ws.example/realtime?a=1', [], 'arraybuffer'])
    hangUp()
    expect(byHand({ url: new URL('http://ws.example/') }).socket.url).toBe('ws://ws.example/')
    HandSocket.made.at(-1)?.onclose?.({ code: 1000, reason: '', wasClean: true } as CloseEvent)
  })

  it.each([
    ['https://ws.example/', 100],
    ['http://ws.example/', 150],
  ])('to %s reports a round trip of %i ms if it opens after 300 ms', (url, expected) => {
    const { socket, said, hangUp } = byHand({ url: new URL(url) })
    vi.advanceTimersByTime(300)
    socket.onopen?.({} as Event)
    expect(said).toEqual([['opened', expected]])
    hangUp()
  })

  it('reports its buffered bytes, and is closed with a code and a reason', () => {
    const { socket, link, hangUp } = byHand()
    socket.bufferedAmount = 5
    expect(link.bufferedBytes()).toBe(5)
    link.close(3000, 'bye')
    expect(socket.closes).toEqual([[3000, 'bye']])
    hangUp()
  })

  it('loses its handlers when it is hung up, except one for the error that closing may raise', () => {
    const { socket, said, hangUp } = byHand()
    hangUp()
    expect([socket.onopen, socket.onmessage, socket.onclose, socket.closes]).toEqual([null, null, null, [[undefined, undefined]]])
    socket.onerror?.({} as Event)
    vi.runAllTimers()
    expect(said).toEqual([])
  })
})

describe('failures', () => {
  it('an error and its close are one report', () => {
    const { socket, said } = byHand()
    socket.onerror?.({} as Event)
    socket.onclose?.({ code: 1006, reason: '', wasClean: false } as CloseEvent)
    vi.runAllTimers()
    expect(said).toEqual([{ kind: 'closed', code: 1006, reason: '', wasClean: false, hasErred: true }])
  })

  it('an error without a close is reported after 50 ms', () => {
    const { socket, said } = byHand()
    socket.onerror?.({} as Event)
    vi.advanceTimersByTime(49)
    expect(said).toEqual([])
    vi.advanceTimersByTime(1)
    expect(said).toEqual([{ kind: 'blocked', detail: 'an error and no close', how: 'mute' }])
  })

  it.each([
    ['an Error', new DOMException('no', 'SecurityError'), 'SecurityError'],
    ['anything else', 'no', 'no'],
  ])('a constructor that throws %s is reported, never thrown', (_, thrown, detail) => {
    class Throwing {
      constructor() {
        throw thrown
      }
    }
    const { said, link } = dial(Throwing as unknown as Constructor)
    expect(said).toEqual([])
    vi.runAllTimers()
    expect(said).toEqual([{ kind: 'blocked', detail, how: 'thrown' }])
    link.write('x', new AbortController().signal)
    link.close(1000, '')
    expect(link.bufferedBytes()).toBe(0)
  })

  it('a missing WebSocket constructor is reported, never thrown', () => {
    const { said } = dial(undefined)
    expect(said).toEqual([])
    vi.runAllTimers()
    expect(said).toEqual([{ kind: 'unsupported', detail: 'WebSocket' }])
  })

  it('a transport that is hung up before that reports nothing', () => {
    const { said, hangUp } = dial(undefined)
    hangUp()
    vi.runAllTimers()
    expect(said).toEqual([])
  })
})
