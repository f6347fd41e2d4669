import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linesOf as serverLines } from '../../src/server/adapters/body-lines.ts'
import { readFrame } from '../../src/server/delivery/parse-frames.ts'
import { bytesOfBase64, formOf, framesOf, lineBytes, linesOf, type Numbered } from '../../src/session/frames.ts'
import { base64, base64url } from '../../src/wire/base64.ts'
import { cursorText } from '../../src/wire/steadfast-v1.ts'
import { binaryFrame } from '../support/hand-network.ts'
import { seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)
const bytes = (...values: readonly number[]) => new Uint8Array(values).buffer
/** Messages from a first number on. */
const numbered = (first: number, ...data: readonly Numbered['data'][]) =>
  data.map((each, index) => ({ n: first + index, data: each }))

describe('frames for a WebSocket', () => {
  it.each<[string, Numbered[], (string | ArrayBuffer)[]]>([
    ['nothing', [], []],
    ['one text', numbered(7, 'hello'), ['m7:hello']],
    ['one text of several lines', [...numbered(7, 'a\nb')], ['m7:a\nb']],
    ['consecutive texts in one frame', numbered(9, 'a', 'b\n"', ''), ['M[9,"a","b\\n\\"",""]']],
    ['bytes', numbered(8, bytes(0, 10, 255)), [binaryFrame('8', 0, 10, 255)]],
    ['withdrawn messages', numbered(3, null, null), ['w3', 'w4']],
    [
      'a mixture in order: bytes and withdrawn messages end a run of texts',
      numbered(1, 'a', 'b', bytes(1), 'c', null, 'd', 'e'),
      ['M[1,"a","b"]', binaryFrame('3', 1), 'm4:c', 'w5', 'M[6,"d","e"]'],
    ],
  ])('[SP17] carry %s', (_, messages, frames) => expect(framesOf(messages)).toEqual(frames))
})

describe('lines for a POST', () => {
  it.each<[string, Numbered[], string[]]>([
    ['nothing', [], []],
    ['one text as JSON, since it may hold a line end', numbered(7, 'a\r\nb'), ['M[7,"a\\r\\nb"]']],
    ['a mixture, in order', numbered(1, 'a', 'b', bytes(0, 10, 255), null, 'c'), ['M[1,"a","b"]', 'b3:AAr/', 'w4', 'M[5,"c"]']],
  ])('carry %s', (_, messages, lines) => expect(linesOf(messages)).toEqual(lines))

  it.each<[string, string, RegExp]>([
    ['that JSON makes little longer, as JSON', `${'{"a":1}'.repeat(20)}`, /^M\[7,/],
    ['that JSON makes much longer, as it is', '"'.repeat(200), /^m7:"{200}$/],
    ['of control characters, as it is', '\0'.repeat(200), /^m7:\0{200}$/],
    ['of several lines that JSON makes little longer, as JSON', 'a line\n'.repeat(200), /^M\[7,/],
    ['of several lines that JSON makes much longer, as bytes', '\0\n'.repeat(200), /^T7:[A-Za-z0-9+/]+=*$/],
  ])('carry a text %s', (_, text, form) => {
    const [line = '', ...more] = linesOf(numbered(7, text))
    expect([line, more]).toEqual([expect.stringMatching(form), []])
  })

  it('are never longer than base64 would make them, and are read back unchanged', () => {
    const anyText = fc
      .tuple(fc.string({ unit: fc.constantFrom('"', '\0', '\n', '\r', 'x', 'ä', '😀', '\\'), maxLength: 12 }), fc.nat(300))
      .map(([text, times]) => text.repeat(times))
    const run = fc.property(anyText, (text) => {
      const [line = '', ...more] = linesOf(numbered(7, text))
      const length = Buffer.byteLength(text)
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual((length * 4) / 3 + 110)
      expect([readFrame(line), more]).toEqual([{ type: 'messages', first: 7, payloads: [text] }, []])
      expect(lineBytes(text, length) + '[7]'.length).toBe(Buffer.byteLength(JSON.stringify([7, text])))
    })
    fc.assert(run, { seed })
  })

  it('are sent as the one part of a form', () => {
    const { type, body } = formOf('{"v":1}\nw7', 0.5)
    expect([type, serverLines(body)]).toEqual(['multipart/form-data; boundary=steadfasti', ['{"v":1}', 'w7']])
    expect(formOf('', 0.123456789).type).not.toBe(formOf('', 0.987654321).type)
    expect(serverLines(formOf('{}', 0).body)).toEqual(['{}'])
  })

  it('contain no line end, whatever the texts', () => {
    const run = fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (texts) => {
      for (const line of linesOf(numbered(1, ...texts))) expect(line).not.toMatch(/[\r\n]/)
    })
    fc.assert(run, { seed })
  })
})

describe('base64', () => {
  it('encodes and decodes every byte', () => {
    const all = Uint8Array.from({ length: 256 }, (_, value) => value)
    expect(base64(all)).toBe(Buffer.from(all).toString('base64'))
    expect([...bytesOfBase64(base64(all))]).toEqual([...all])
    expect(base64url(all)).toBe(Buffer.from(all).toString('base64url'))
  })

  it.each([0, 1, 2, 3, 4, 8191, 8192, 8193, 200_001])('encodes and decodes %i bytes', (length) => {
    const some = Uint8Array.from({ length }, (_, index) => (index * 7 + 3) % 256)
    expect(base64(some)).toBe(Buffer.from(some).toString('base64'))
    expect(base64url(some)).toBe(Buffer.from(some).toString('base64url'))
    expect(Buffer.from(bytesOfBase64(base64(some))).equals(Buffer.from(some))).toBe(true)
  })

  it('encodes and decodes random bytes', () => {
    const run = fc.property(fc.uint8Array({ maxLength: 100 }), (some) => {
      expect([...bytesOfBase64(base64(some))]).toEqual([...some])
    })
    fc.assert(run, { seed })
  })

  it.each(['*', 'A', 'AAAAA', 'é'])('%j is refused', (text) => expect(() => bytesOfBase64(text)).toThrow())
})

describe('a cursor as text', () => {
  it('names each stream with its offset and its epoch', () => {
    const places = new Map([
      [0, { offset: 12, epoch: 'e1' }],
      [3, { offset: 3041, epoch: 'k-7_' }],
    ])
    expect(cursorText(places)).toBe('0.12~e1,3.3041~k-7_')
    expect(cursorText([])).toBe('')
  })
})
