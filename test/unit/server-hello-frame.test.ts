import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { HelloFrames } from '../../src/server/adapters/hello-frame.ts'
import { manualPage } from '../support/manual-host.ts'

class FakeSocket extends EventEmitter {
  isPaused = false
  pause() {
    this.isPaused = true
  }
}

function waitingRoom() {
  const { host, clock } = manualPage()
  const frames = new HelloFrames({ ...host, report() {} } as never, 10_000, () => 1500)
  const come = () => {
    const webSocket = new FakeSocket()
    const socket = new EventEmitter()
    const said = frames.of(webSocket as unknown as WebSocket, socket as unknown as Duplex)
    return { webSocket, socket, said, listeners: () => webSocket.eventNames().length + socket.eventNames().length }
  }
  return { clock, come }
}

describe('the first frame of a WebSocket', () => {
  it('is returned as the hello, and later frames are buffered for rest()', async () => {
    const { come } = waitingRoom()
    const { webSocket, said, listeners } = come()
    webSocket.emit('message', Buffer.from('{"v":1}'), false)
    webSocket.emit('message', Buffer.from('t1'), false)
    webSocket.emit('message', Buffer.from([1]), true)
    const first = await said
    if (!first || 'code' in first) throw new Error('no hello')
    expect([first.hello, webSocket.isPaused]).toEqual(['{"v":1}', true])
    expect(first.rest()).toEqual([
      [Buffer.from('t1'), false],
      [Buffer.from([1]), true],
    ])
    expect(listeners()).toBe(0)
  })

  it.each<[string, (socket: ReturnType<ReturnType<typeof waitingRoom>['come']>) => void, unknown]>([
    ['closes the socket', ({ webSocket }) => webSocket.emit('close'), null],
    ['sends over 64 KiB', ({ webSocket }) => webSocket.emit('message', Buffer.alloc(65_537, 'x'), false), { code: 4413 }],
    [
      'sends over 64 KiB byte by byte',
      ({ socket }) => Array.from({ length: 70_000 }, () => socket.emit('data', Buffer.alloc(1))),
      { code: 4413 },
    ],
    ['sends a binary frame', ({ webSocket }) => webSocket.emit('message', Buffer.from('{"v":1}'), true), { hello: '' }],
  ])('is no longer awaited when the client %s', async (_, happens, told) => {
    const { come, clock } = waitingRoom()
    const one = come()
    happens(one)
    const said = await one.said
    if (told) expect(said).toMatchObject(told)
    else expect(said).toBeNull()
    expect(clock.pending).toBe(0)
  })

  it('is awaited for ten seconds, on at most 1,000 sockets: one more takes the place of the oldest', async () => {
    const { clock, come } = waitingRoom()
    const all = Array.from({ length: 1001 }, come)
    const [oldest, second] = all
    expect(await oldest?.said).toMatchObject({ code: 4429, retryAfterMs: 1500 })
    expect([oldest?.listeners(), clock.pending]).toEqual([0, 1000])
    second?.webSocket.emit('message', Buffer.from('{}'), false)
    expect(await second?.said).toMatchObject({ hello: '{}' })
    clock.advance(10_000)
    expect(await all[1000]?.said).toMatchObject({ code: 4408 })
    expect([all[1000]?.listeners(), clock.pending]).toEqual([0, 0])
  })
})
