import { expect, it } from 'vitest'
import { Batch, entryOf, maxFrameLength } from '../../src/server/delivery/frame-batch.ts'
import type { Stored } from '../../src/server/store/ports.ts'
import { seeded, seedOf } from '../support/seeded.ts'

interface Placed {
  readonly stream: number
  readonly entry: Stored
}

const seed = seedOf(process.env)

function framesOf(messages: readonly Placed[], medium: 'websocket' | 'stream' = 'websocket'): string[] {
  const frames: string[] = []
  const batch = new Batch(medium, (frame) => frames.push(String(frame)))
  for (const { stream, entry } of messages) batch.add(stream, entry)
  batch.flush()
  return frames
}

/** The messages of frames as a client reads them: `stream.offset:text`. */
function readBack(frames: readonly string[]): string[] {
  return frames.flatMap((frame) => {
    if (frame.startsWith('m')) return [frame.slice(1)]
    const runs: [number, number, ...string[]][] = JSON.parse(frame.slice(1))
    return runs.flatMap(([stream, first, ...texts]) => texts.map((text, index) => `${stream}.${first + index}:${text}`))
  })
}

const names = (messages: readonly Placed[]) => messages.map(({ stream, entry }) => `${stream}.${entry.offset}:${entry.data}`)

const privately = (texts: readonly string[]): Placed[] =>
  texts.map((data, index) => ({ stream: 0, entry: { offset: index + 1, data } }))

it('[SP17] sends texts that need no escapes in frames of nearly 64 KiB', () => {
  const frames = framesOf(privately(Array.from({ length: 1000 }, (_, index) => `${index}`.padEnd(100, 'x'))))
  for (const { length } of frames.slice(0, -1)) expect(length).toBeGreaterThan(65_000)
  expect(frames).toHaveLength(2)
})

it.each([
  ['quotes, as JSON has them', '{"id":1,"name":"x"}'.repeat(5)],
  ['nothing but quotes', '"'.repeat(100)],
  ['control characters, which JSON makes six times as long', '\u0001'.repeat(100)],
])('[SP17] never exceeds the length of a frame with more than one message: %s', (_, text) => {
  const messages = privately(Array.from({ length: 2000 }, () => text))
  for (const medium of ['websocket', 'stream'] as const) {
    const frames = framesOf(messages, medium)
    for (const { length } of frames) expect(length).toBeLessThanOrEqual(maxFrameLength)
    expect(readBack(frames)).toEqual(names(messages))
  }
})

it('[SP17] sends a message that is longer than a frame on its own', () => {
  const messages = privately(['first', 'x'.repeat(maxFrameLength), '\u0001'.repeat(30_000), 'last'])
  expect(framesOf(messages).map(({ length }) => length)).toEqual([10, 65_541, 30_005, 9])
  expect(readBack(framesOf(messages, 'stream'))).toEqual(names(messages))
})

it(`[SP17] a client reads the same messages in the same order, whatever their streams and sizes are, with SEED=${seed}`, () => {
  const random = seeded(seed)
  const offsets = new Map<number, number>()
  const messages = Array.from({ length: 3000 }, (): Placed => {
    const stream = Math.floor(random() ** 4 * 3)
    const offset = (offsets.get(stream) ?? 0) + (random() < 0.95 ? 1 : 2)
    offsets.set(stream, offset)
    const stored = {
      offset,
      data: ['a', '"', 'é', '\u2028', '\n'][Math.floor(random() * 5)]?.repeat(random() ** 8 * 20_000) ?? '',
    }
    return { stream, entry: random() < 0.5 ? entryOf(stored) : stored }
  })
  const frames = framesOf(messages)
  expect(readBack(frames)).toEqual(names(messages))
  for (const frame of frames) if (frame.startsWith('M')) expect(frame.length).toBeLessThanOrEqual(maxFrameLength)
})
