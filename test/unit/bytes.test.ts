import { describe, expect, it } from 'vitest'
import { bytesOf } from '../../src/util/bytes-of.ts'

describe('bytesOf', () => {
  const texts = ['', 'ascii', 'ä', '€', '日本語', '😀', 'a😀ä€', '\u07ff\u0800\uffff', '\u0000\u007f\u0080']
  it.each(texts)('returns the number of UTF-8 bytes of %j', (text) => {
    expect(bytesOf(text)).toBe(new TextEncoder().encode(text).length)
  })

  it('returns the byteLength of an ArrayBuffer and the size of a Blob', () => {
    expect([bytesOf(new ArrayBuffer(7)), bytesOf(new Blob(['äb']))]).toEqual([7, 3])
  })
})
