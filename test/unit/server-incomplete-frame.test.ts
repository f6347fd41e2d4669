import { EventEmitter } from 'node:events'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import type { AccessControl } from '../../src/server/adapters/access-control.ts'
import { ByteBudget } from '../../src/server/adapters/byte-budget.ts'
import { IncompleteFrame } from '../../src/server/adapters/incomplete-frame.ts'
import { WebSocketCarrier } from '../../src/server/adapters/websocket-carrier.ts'

const kib = 1024

/** Frames of one client, whose incomplete frames may take 1 MiB together. */
function setUp() {
  const clock = { now: 0 }
  const bodies = new ByteBudget(4096 * kib, 1024 * kib)
  const access = {
    bodies,
    node: { elapsedMs: () => clock.now, pauseMs: () => 1500 },
    settings: { node: { limits: { bodyTimeoutMs: 10_000 } } },
    namesOf: (_: string | undefined, { id }: { readonly id: string }) => [`principal ${id}`],
  } as unknown as AccessControl
  const senderOf = (id: string) => ({ access, client: undefined, principal: { id }, session: 's' })
  function frameOf(id: string) {
    const webSocket = new EventEmitter()
    return Object.assign(new IncompleteFrame(webSocket, senderOf(id)), { webSocket })
  }
  return { clock, frameOf, senderOf, hasRoom: (bytes: number) => bodies.hasRoom(['principal ann'], bytes) }
}

describe('an incomplete frame', () => {
  it('of up to 128 KiB costs an idle WebSocket no listener and its client no byte, and leaves nothing once it is complete', () => {
    const { senderOf, hasRoom } = setUp()
    const webSocket = new EventEmitter()
    const carrier = new WebSocketCarrier(webSocket as WebSocket, new Duplex(), senderOf('ann'), () => {})
    carrier.arrived(64 * kib)
    expect(webSocket.eventNames()).toEqual([])
    carrier.arrived(64 * kib)
    expect(hasRoom(1024 * kib)).toBe(true)
    carrier.arrived(64 * kib)
    expect(hasRoom(1024 * kib)).toBe(false)
    expect(webSocket.eventNames()).toEqual(['ping', 'pong'])
    carrier.completed()
    expect(hasRoom(1024 * kib)).toBe(true)
    expect(webSocket.eventNames()).toEqual([])
    carrier.arrived(64 * kib)
    expect(webSocket.eventNames()).toEqual([])
  })

  it('is refused when the incomplete frames of its client have used up their share, but not those of another client', () => {
    const { frameOf } = setUp()
    const [one, other, stranger] = [frameOf('ann'), frameOf('ann'), frameOf('bob')] as const
    for (let count = 0; count < 15; count += 1) expect(one.arrived(64 * kib)).toBeNull()
    for (let count = 0; count < 2; count += 1) other.arrived(64 * kib)
    expect(other.arrived(64 * kib)).toBeNull()
    expect(other.arrived(64 * kib)).toMatchObject({ code: 4429, retryAfterMs: 1500 })
    for (let count = 0; count < 10; count += 1) expect(stranger.arrived(64 * kib)).toBeNull()
  })

  it.each([
    ['pauses for more than bodyTimeoutMs', 10_001, 64 * kib],
    ['takes longer than its bytes allow', 9000, 1],
  ])('is refused if it %s', (_, pauseMs, bytes) => {
    const { clock, frameOf } = setUp()
    const frame = frameOf('ann')
    frame.arrived(129 * kib)
    let refusal = null
    for (let count = 0; count < 20 && !refusal; count += 1) {
      clock.now += pauseMs
      refusal = frame.arrived(bytes)
    }
    expect(refusal).toMatchObject({ code: 4408 })
  })

  it('does not consist of pings and pongs, however many arrive, but pings between its fragments do not hide it', () => {
    const { clock, frameOf, hasRoom } = setUp()
    const pinging = frameOf('ann')
    for (let count = 0; count < 100_000; count += 1) {
      clock.now += 1000
      pinging.webSocket.emit(count % 2 === 0 ? 'ping' : 'pong', new Uint8Array(4))
      expect(pinging.arrived(10)).toBeNull()
    }
    expect(hasRoom(1024 * kib)).toBe(true)
    const fragmented = frameOf('ann')
    let refusal = null
    for (let count = 0; count < 30 && !refusal; count += 1) {
      fragmented.webSocket.emit('ping', new Uint8Array(0))
      refusal = fragmented.arrived(64 * kib + 6)
    }
    expect(refusal).toMatchObject({ code: 4429 })
  })
})
