import { describe, expect, it } from 'vitest'
import { EventData, FrameLines, frameOf, written } from '../../src/sockjs/frames.ts'
import { seeded, seedOf } from '../support/seeded.ts'

const seed = seedOf(process.env)

describe('frames of SockJS', () => {
  it.each([
    ['o', { type: 'open' }],
    ['h', { type: 'heartbeat', isPadding: false }],
    ['hhhh', { type: 'heartbeat', isPadding: true }],
    ['a["x","\\u2028"]', { type: 'messages', texts: ['x', '\u2028'] }],
    ['a[1,{"k":2},null]', { type: 'messages', texts: ['1', '{"k":2}', 'null'] }],
    ['m"one"', { type: 'messages', texts: ['one'] }],
    ['c[3000,"Go away!"]', { type: 'close', code: 3000, reason: 'Go away!' }],
    ['c[1000]', { type: 'close', code: 1000, reason: '' }],
  ])('reads %s', (text, frame) => {
    expect(frameOf(text)).toEqual(frame)
  })

  it.each([
    ...[
      '',
      'x',
      'a',
      'a{}',
      'a[1',
      'm',
      'm{',
      'c',
      'c{}',
      'c"x"',
      'c[]',
      'c["1000"]',
      'c[999]',
      'c[5000]',
      'c[1000.5]',
      'c{"0":1000}',
    ],
    // The length that it claims must not be trusted.
    'c{"length":4000000000,"0":1000}',
  ])('refuses %s', (text) => {
    expect(frameOf(text)).toBeNull()
  })

  it('reads a reason that is no text as an empty one, and shortens a long one to 123 characters', () => {
    for (const reason of ['{"toString":1,"valueOf":1}', '[1]', '7', 'null'])
      expect(frameOf(`c[3000,${reason}]`)).toEqual({ type: 'close', code: 3000, reason: '' })
    expect(frameOf(`c[3000,"${'é'.repeat(1000)}"]`)).toMatchObject({ reason: expect.stringMatching(/^é{123}$/) })
  })

  it(`any text is read as a frame or null, and never throws (SEED=${seed})`, () => {
    const random = seeded(seed)
    const pieces = [
      'o',
      'h',
      'a',
      'm',
      'c',
      '[',
      ']',
      '{',
      '}',
      '"',
      ',',
      ':',
      '1000',
      '3000',
      '\\u0000',
      '\ud800',
      'length',
      '0',
      'null',
      '\\',
    ]
    for (let run = 0; run < 20_000; run += 1) {
      const length = Math.floor(random() * 12)
      const text = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('')
      const frame = frameOf(text)
      if (frame?.type === 'messages') for (const each of frame.texts) expect(typeof each).toBe('string')
      if (frame?.type === 'close') expect([typeof frame.code, typeof frame.reason]).toEqual(['number', 'string'])
    }
  })

  it(`lines and their texts are the same, however a body is cut into chunks (SEED=${seed})`, () => {
    const random = seeded(seed)
    for (let run = 0; run < 500; run += 1) {
      const texts = Array.from({ length: 1 + Math.floor(random() * 8) }, () =>
        '\ud800\u2028%25é\n"\\😀'.slice(0, Math.floor(random() * 12)),
      )
      const body = texts.map((text) => `a${written([text])}\n`).join('')
      const lines = new FrameLines()
      const read: string[] = []
      for (let at = 0; at < body.length; ) {
        const size = 1 + Math.floor(random() * 9)
        read.push(...lines.take(body.slice(at, at + size)))
        at += size
      }
      expect(lines.restLength).toBe(0)
      expect(read.map(frameOf)).toEqual(texts.map((text) => ({ type: 'messages', texts: [text] })))
    }
  })

  it('percent signs in events are read as they were sent, whether the server escapes them or not', () => {
    const escaping = new EventData()
    expect([escaping.read('100%25'), escaping.read('%2525')]).toEqual(['100%', '%25'])
    const plain = new EventData()
    expect([plain.read('100% %25'), plain.read('%25')]).toEqual(['100% %25', '%25'])
  })
})
