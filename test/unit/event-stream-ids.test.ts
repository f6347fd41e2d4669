import { describe, expect, it } from 'vitest'
import { EventStream } from '../../src/transports/event-stream.ts'

/**
 * Parses the text in chunks of `size` characters. Returns the id of the last block without data, unless an event with an id
 * came after it.
 */
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
    ['may follow its colon without a space', 'id:5\n\n', '5'],
    ['keeps a second space', 'id:  5\n\n', ' 5'],
    ['resets the cursor if it is empty', 'id: 5\n\nid\n\n', ''],
    ['resets the cursor if it is empty after a colon', 'id:\n\n', ''],
    ['does not count before the end of its block', 'id: 5\n', undefined],
    ['is the last one of its block', 'id: 5\nid: 6\n\n', '6'],
    ['may stand among comments and other fields', ': x\nevent: e\nid: 5\nretry: 3\n\n', '5'],
    ['is ignored if it contains a NUL', 'id: 5\0\n\n', undefined],
    ['is not read from a field with a similar name', 'idle: 5\n\nidx\n\n', undefined],
    ['is not reported separately if data follows it', 'id: 5\ndata: x\n\n', undefined],
    ['is not reported separately if it follows data', 'data\nid: 5\n\n', undefined],
    ['is reported in a block after an event', 'data: x\n\nid: 7\n\n', '7'],
    ['is reported before an event without an id', 'id: 7\n\ndata: x\n\n', '7'],
  ]

  it.each(rows)('%s: %j', (_, text, expected) => {
    for (const end of ['\n', '\r', '\r\n']) {
      const written = text.replaceAll('\n', end)
      for (const size of [1, 2, 3, 1000]) expect(found(written, size), `${end} ${size}`).toBe(expected)
    }
  })

  it('is superseded by the id of an event in the same chunk', () => {
    expect(found('id: 7\n\ndata: x\nid: 8\n\n', 1000)).toBeUndefined()
  })
})
