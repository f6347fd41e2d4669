import { Buffer } from 'node:buffer'
import type { Stored } from '../store/ports.ts'
import type { Medium } from './carrier.ts'

/** Waiting messages are sent together, up to this many characters per frame (rule 17). */
export const maxFrameLength = 65_536

/** From this size on, to cut bytes out of a frame costs a page more than another frame does. */
export const largeBytes = 8192

/** A message for many clients, with its encoded form, so that it is encoded once. */
export interface Entry extends Stored {
  json: string | null
}

export function entryOf({ offset, data }: Stored): Entry {
  return { offset, data, json: null }
}

/** Encodes messages into as few frames as possible. */
export class Batch {
  readonly #medium: Medium
  readonly #write: (frame: string | Uint8Array) => void
  #runs = ''
  #stream = -1
  #next = -1
  #count = 0
  #lone: Stored | null = null

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
    // A single message is sent as it is, without the cost of escaping.
    if (this.#count === 0) {
      this.#lone = entry
      this.#count = 1
      this.#stream = stream
      this.#next = entry.offset + 1
      return
    }
    if (this.#lone) this.#open(this.#stream, this.#lone.offset, jsonOf(this.#lone))
    this.#lone = null
    const json = jsonOf(entry)
    if (this.#runs.length + json.length > maxFrameLength) {
      this.flush()
      this.add(stream, entry)
      return
    }
    if (stream === this.#stream && entry.offset === this.#next) this.#runs += `,${json}`
    else {
      this.#runs += ']'
      this.#open(stream, entry.offset, json)
    }
    this.#stream = stream
    this.#next = entry.offset + 1
    this.#count += 1
  }

  flush(): void {
    if (this.#count === 0) return
    const lone = this.#lone
    if (lone && this.#medium === 'websocket') this.#write(`m${this.#stream}.${lone.offset}:${lone.data}`)
    else {
      if (lone) this.#open(this.#stream, lone.offset, jsonOf(lone))
      this.#write(`M[${this.#runs}]]`)
    }
    this.#runs = ''
    this.#count = 0
    this.#lone = null
  }

  #open(stream: number, offset: number, json: string): void {
    this.#runs += `${this.#runs ? ',' : ''}[${stream},${offset},${json}`
  }
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

function jsonOf(entry: Stored | Entry): string {
  if (!('json' in entry)) return JSON.stringify(entry.data)
  entry.json ??= JSON.stringify(entry.data)
  return entry.json
}

function binaryFrames(medium: Medium, place: string, data: Uint8Array): (string | Uint8Array)[] {
  if (medium !== 'websocket')
    return [`b${place}:${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`]
  return data.byteLength < largeBytes ? [Buffer.concat([Buffer.from(`${place}\n`), data])] : [`B${place}`, data]
}
