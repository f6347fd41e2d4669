import { Buffer } from 'node:buffer'
import type { Stored } from '../store/ports.ts'
import type { Medium } from './carrier.ts'

/** Waiting messages are sent together, up to this many characters per frame (rule 17). */
export const maxFrameLength = 65_536

/** How many characters of text are collected for a frame; the rest is for the heads of its runs. */
const maxTextLength = maxFrameLength - 256

/** What a message adds to its text in a batch: two quotes and a comma. */
const textOverhead = 3

/** From this size on, to cut bytes out of a frame costs a page more than another frame does. */
export const largeBytes = 8192

/** A message for many clients, with its encoded form, so that it is encoded once. */
export interface Entry extends Stored {
  json: string | null
}

/** A text on its way, with its stream. */
interface Text {
  readonly stream: number
  readonly entry: Stored | Entry
}

export function entryOf({ offset, data }: Stored): Entry {
  return { offset, data, json: null }
}

/** Encodes messages into as few frames as possible. */
export class Batch {
  readonly #medium: Medium
  readonly #write: (frame: string | Uint8Array) => void
  #texts: Text[] = []
  #length = 0

  constructor(medium: Medium, write: (frame: string | Uint8Array) => void) {
    this.#medium = medium
    this.#write = write
  }

  add(stream: number, entry: Stored): void {
    if (typeof entry.data !== 'string') {
      this.flush()
      for (const frame of binaryFrames(this.#medium, `${stream}.${entry.offset}`, entry.data)) this.#write(frame)
      return
    }
    const length = entry.data.length + textOverhead
    if (this.#length + length > maxTextLength) this.flush()
    this.#texts.push({ stream, entry })
    this.#length += length
  }

  flush(): void {
    if (!this.#length) return
    const texts = this.#texts
    this.#texts = []
    this.#length = 0
    this.#writeTexts(texts)
  }

  #writeTexts(texts: readonly Text[]): void {
    const [first] = texts
    // A single message is sent as it is, without the cost of escaping.
    if (first && texts.length === 1 && this.#medium === 'websocket') {
      this.#write(`m${first.stream}.${first.entry.offset}:${first.entry.data}`)
      return
    }
    const frame = batchOf(texts)
    if (texts.length === 1 || frame.length <= maxFrameLength) {
      this.#write(frame)
      return
    }
    // Escapes have made it longer than expected.
    const half = texts.length >> 1
    this.#writeTexts(texts.slice(0, half))
    this.#writeTexts(texts.slice(half))
  }
}

/** The batch frame (`M`) of these messages: for each run of consecutive ones `[stream,first offset,text,…]`. */
function batchOf(texts: readonly Text[]): string {
  const runs: string[] = []
  let run: Text[] = []
  for (const text of texts) {
    const before = run.at(-1)
    if (before && !continues(text, before)) {
      runs.push(runOf(before, run))
      run = []
    }
    run.push(text)
  }
  const last = run.at(-1)
  if (last) runs.push(runOf(last, run))
  return `M[${runs.join()}]`
}

function continues({ stream, entry }: Text, before: Text): boolean {
  return stream === before.stream && entry.offset === before.entry.offset + 1
}

function runOf({ stream, entry }: Text, texts: readonly Text[]): string {
  const first = entry.offset - texts.length + 1
  // One call of `JSON.stringify` takes half the time of one for each text.
  if (!isShared(entry)) return JSON.stringify([stream, first, ...texts.map((each) => each.entry.data)])
  return `[${stream},${first},${texts.map((each) => jsonOf(each.entry)).join()}]`
}

/**
 * Announces to a client the place (stream and offset) of bytes. Usually the client can derive the place, and nothing is sent: a
 * small frame before each of 64 KiB would cost a page a third more.
 */
export class BinaryPlaces {
  /** The announcement that equals the place the client assumes for the next bytes; '' if bytes include their place. */
  #expected = ''
  #isAlone = false

  /** The frames to write for a frame. */
  framesFor(frame: string | Uint8Array): readonly (string | Uint8Array)[] {
    if (typeof frame === 'string') {
      if (!frame.startsWith('B')) return [frame]
      const isKnown = frame === this.#expected
      this.#expected = frame
      this.#isAlone = true
      return isKnown ? [] : [frame]
    }
    const isMeant = this.#isAlone || this.#expected === ''
    this.#expected = this.#isAlone ? following(this.#expected) : ''
    this.#isAlone = false
    return isMeant ? [frame] : ['B', frame]
  }
}

function following(place: string): string {
  const dot = place.indexOf('.')
  return `${place.slice(0, dot)}.${Number(place.slice(dot + 1)) + 1}`
}

function isShared(entry: Stored | Entry): entry is Entry {
  return 'json' in entry
}

function jsonOf(entry: Stored | Entry): string {
  if (!isShared(entry)) return JSON.stringify(entry.data)
  entry.json ??= JSON.stringify(entry.data)
  return entry.json
}

function binaryFrames(medium: Medium, place: string, data: Uint8Array): (string | Uint8Array)[] {
  if (medium !== 'websocket')
    return [`b${place}:${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`]
  return data.byteLength < largeBytes ? [Buffer.concat([Buffer.from(`${place}\n`), data])] : [`B${place}`, data]
}
