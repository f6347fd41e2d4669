import { describe, expect, it } from 'vitest'
import { EventStream } from '../../src/transports/event-stream.ts'

/** The last id that was told of a block without data, unless an event with one came after it, in a text in pieces of so many characters. */
function found(text: string, size: number): string | undefined {
  let last: string | undefined
  const stream = new EventStream({
    onEvent({ id }) {
      if (id !== undefined) last = undefined
    },
    onId(id) {
      last = id
    },
  })
  for (let from = 0; from < text.length; from += size) stream.take(text.slice(from, from + size))
  return last
}

describe('an id without data', () => {
  const rows: readonly (readonly [string, string, string | undefined])[] = [
    ['moves the cursor', 'id: 5\n\n', '5'],
    ['may come without a space', 'id:5\n\n', '5'],
    ['keeps a second space', 'id:  5\n\n', ' 5'],
    ['takes it back where it is empty', 'id: 5\n\nid\n\n', ''],
    ['takes it back where it is empty behind a colon', 'id:\n\n', ''],
    ['counts when its block ends', 'id: 5\n', undefined],
    ['is the last of its block', 'id: 5\nid: 6\n\n', '6'],
    ['may stand among comments and names', ': x\nevent: e\nid: 5\nretry: 3\n\n', '5'],
    ['is none where it has a NUL', 'id: 5\0\n\n', undefined],
    ['is none of a field that begins alike', 'idle: 5\n\nidx\n\n', undefined],
    ['with data is told by the event', 'id: 5\ndata: x\n\n', undefined],
    ['before data, too', 'data\nid: 5\n\n', undefined],
    ['in the block behind an event', 'data: x\n\nid: 7\n\n', '7'],
    ['before an event without one', 'id: 7\n\ndata: x\n\n', '7'],
  ]

  it.each(rows)('%s: %j', (_, text, expected) => {
    for (const end of ['\n', '\r', '\r\n']) {
      const written = text.replaceAll('\n', end)
      for (const size of [1, 2, 3, 1000]) expect(found(written, size), `${end} ${size}`).toBe(expected)
    }
  })

  it('is followed by that of an event in the same piece', () => {
    expect(found('id: 7\n\ndata: x\nid: 8\n\n', 1000)).toBeUndefined()
  })
})
