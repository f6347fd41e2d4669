import { beforeAll, describe, expect, it } from 'vitest'
import { closeEvent, messageEvent } from '../../src/socket/events.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { type Shape, shapeOf } from '../support/socket-shape.ts'

/** A host whose requests are never answered. */
const host = {
  fetch: () => new Promise<Response>(() => {}),
  WebSocket: undefined,
  baseUrl: 'https://page.example/app/index.html',
}
const Socket = webSocketOver({ host, transports: ['long-poll'] })
let shape: Shape
beforeAll(async () => {
  shape = await shapeOf(Socket, 'ws://127.0.0.1:1/')
})

const invalidAccess = 'DOMException InvalidAccessError'
const syntax = 'DOMException SyntaxError'
const closing = [undefined, 2]
const fresh = { protocol: '', extensions: '', readyState: 0, bufferedAmount: 0, binaryType: 'blob' }
const attribute = { length: undefined, enumerable: true, configurable: true }

/** The shape that the standards require; test/browser/socket.test.ts compares all of it, and more, with a browser. */
const standard: readonly (readonly [name: string, value: unknown])[] = [
  ['class', ['WebSocket', 1, '[object WebSocket]']],
  ['extends EventTarget', true],
  ['call without new', 'TypeError'],
  ...['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].map((name, value) => {
    const constant = { value, writable: false, enumerable: true, configurable: false }
    return [`constant ${name}`, [constant, constant]] as const
  }),
  ...['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol'].map(
    (name) => [`member ${name}`, { ...attribute, isReadable: true, isWritable: false }] as const,
  ),
  ...['binaryType', 'onopen', 'onerror', 'onclose', 'onmessage'].map(
    (name) => [`member ${name}`, { ...attribute, isReadable: true, isWritable: true }] as const,
  ),
  ['member send', { ...attribute, length: 1, isReadable: false, isWritable: false }],
  ['member close', { ...attribute, length: 0, isReadable: false, isWritable: false }],
  ...['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol'].flatMap((name) => [
    [`name of ${name}`, [undefined, `get ${name}`, undefined]] as const,
    [`${name} of another object`, ['TypeError', undefined, undefined]] as const,
  ]),
  ...['binaryType', 'onopen', 'onerror', 'onclose', 'onmessage'].flatMap((name) => [
    [`name of ${name}`, [undefined, `get ${name}`, `set ${name}`]] as const,
  ]),
  ['binaryType of another object', ['TypeError', 'TypeError', undefined]],
  ...['send', 'close'].map((name) => [`${name} of another object`, [undefined, undefined, 'TypeError']] as const),
  ['own members', [[], '{}']],
  ['a frozen one', ['arraybuffer', 2]],
  ['a handler that returns false', true],
  ['url http://host/', 'ws://host/'],
  ['url https://host/x', 'wss://host/x'],
  ['url WSS://host/A b', 'wss://host/A%20b'],
  ...['ws://', 'ftp://host/', 'mailto:x', 'ws://host/#', 'ws://host/#a', 'http://[::'].map(
    (url) => [`url ${url}`, syntax] as const,
  ),
  ['no url', 'TypeError'],
  ['url a symbol', 'TypeError'],
  ...['undefined', '"[]"', '"a"', 'null', 'own'].map((offer) => [`subprotocol ${offer}`, fresh] as const),
  ...['""', '"a b"', '"a,b"', '"é"', '"("'].map((offer) => [`subprotocol ${offer}`, syntax] as const),
  ['subprotocol "[\\"a\\",\\"a\\"]"', syntax],
  ['subprotocol "[\\"a\\",\\"A\\"]"', fresh],
  ['binaryType "blob"', 'blob'],
  ['binaryType "Blob"', 'arraybuffer'],
  ['send while connecting', 'DOMException InvalidStateError'],
  ['send nothing', 'TypeError'],
  ...['', '10004', '49994', '"3000"6', 'undefined9,""2', '2999.66', '3000.56'].map(
    (given) => [`close ${given}`, closing] as const,
  ),
  ...['9993', '10014', '10054', '10064', '29994', '50004', '665365', '4999.56', 'null4', 'NaN3', '"x"3'].map(
    (given) => [`close ${given}`, invalidAccess] as const,
  ),
  ['close 10004,"xxxxxxxxxxxxxxxxxxx125', closing],
  ['close 10004,"xxxxxxxxxxxxxxxxxxx126', syntax],
  ['close undefined9,"xxxxxxxxxxxxxxxxxxx126', syntax],
  ['close 9993,"xxxxxxxxxxxxxxxxxxx126', invalidAccess],
  ['handler fn', [true, false]],
  ['handler object', [true, false]],
  ['handler text', [false, true]],
  ['order, set', [1, 'first', true, expect.any(Boolean), true, 2]],
  ['order, replaced', [1, 'second', 2]],
  ['order, an object', [1, 2]],
  ['order, after an object', [1, 'third', 2]],
  ['order, null', [1, 2]],
  ['order, set again', [1, 2, 'fourth']],
  ['after close()', [2, 12, 0]],
  [
    'events of a socket that is closed while it connects',
    [
      ['error', 'Event', false, false, undefined, undefined, undefined, 3],
      ['close', 'CloseEvent', false, false, 1006, '', false, 3],
    ],
  ],
  ['at the end', [3, 14]],
]

it.each(standard)('has the shape of a standard WebSocket: %s', (name, value) => {
  expect(shape).toHaveProperty([name], value)
})

describe('the class', () => {
  it('is a new one for each call of webSocketOver(), and may be extended', () => {
    expect(webSocketOver({ host })).not.toBe(Socket)
    class Own extends Socket {
      readonly mine = 5
    }
    const socket = new Own('/realtime?a=b')
    expect([socket.mine, socket.url, socket.readyState, socket instanceof Socket, socket instanceof EventTarget]).toEqual([
      ...[5, 'wss://page.example/realtime?a=b', Own.CONNECTING, true, true],
    ])
    expect(Object.prototype.toString.call(socket)).toBe('[object WebSocket]')
    socket.close()
  })

  it.each([
    [{ protocol: 'plain' }, "webSocketOver: the option 'protocol' is not supported here: a socket always speaks steadfast.v1."],
    [{ codec: {} }, "webSocketOver: the option 'codec' is not supported here: a socket carries text and bytes."],
    [{ transport: ['sse'] }, "RealtimeClient: unknown option 'transport'"],
    [{ transports: ['smoke'] }, 'RealtimeClient: '],
    [null, 'webSocketOver: it takes an object of options.'],
    ['ws://host/', 'webSocketOver: it takes an object of options.'],
  ])('refuses the options %j when it is created', (options, message) => {
    expect(() => webSocketOver(options as never)).toThrow(TypeError)
    expect(() => webSocketOver(options as never)).toThrow(message)
  })
})

describe('events', () => {
  it('are of the classes of the platform if it has them, or of replacements', () => {
    const end = { code: 4400, reason: 'bye', wasClean: true, diagnosis: null }
    for (const event of [closeEvent(end), messageEvent('x', 'ws://host')]) expect(event).toBeInstanceOf(Event)
    expect(closeEvent(end)).toMatchObject({ type: 'close', ...end, bubbles: false, cancelable: false })
    expect(closeEvent(end).constructor.name).toBe('CloseEvent')
    expect(Reflect.set(closeEvent(end), 'code', 1000)).toBe(false)
    expect(messageEvent('x', 'ws://host')).toMatchObject({
      type: 'message',
      data: 'x',
      origin: 'ws://host',
      lastEventId: '',
      source: null,
    })
    const { MessageEvent } = globalThis
    try {
      Reflect.deleteProperty(globalThis, 'MessageEvent')
      const own = messageEvent('x', 'ws://host')
      expect(own).toMatchObject({ type: 'message', data: 'x', origin: 'ws://host', lastEventId: '', source: null, ports: [] })
      expect([own.constructor.name, own instanceof Event]).toEqual(['MessageEvent', true])
    } finally {
      Object.assign(globalThis, { MessageEvent })
    }
  })
})
