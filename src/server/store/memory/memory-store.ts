import { quoted } from '../../../util/quoted.ts'
import { storeHost } from '../../node/process-host.ts'
import type { SessionStore, TopicLog } from '../ports.ts'
import { BoundedStreams, Budget } from './bounded-streams.ts'
import { MemorySessions } from './sessions.ts'
import { Shares } from './shares.ts'
import { defaultBytesPerStream, overheadBytes } from './stream.ts'
import { type MemoryHost, MemoryTopics } from './topics.ts'

/**
 * Limits of a `memoryStore`. Messages beyond a limit are evicted, the oldest of each stream first, and clients that had not read
 * them receive a gap. A stream is a topic, or the messages sent to one session alone.
 */
export interface MemoryLimits {
  /**
   * Bytes in total, each message with 64 bytes of overhead, about what it costs to keep. Topics cannot evict the sessions'
   * private streams, nor the other way round: the larger half gives way. Of the topics, which are the application's, the oldest
   * message is evicted; of the private streams, the oldest message of the principal that holds most (without `authenticate`: of the
   * address, and among its sessions of the one that holds most), so that no client can evict what another has yet to read.
   * @defaultValue 134_217_728 (128 MiB)
   */
  readonly maxBytes?: number
  /**
   * Bytes in one stream, with the same overhead; never more than half of `maxBytes`. A larger message is refused.
   * @defaultValue 8_388_608 (8 MiB)
   */
  readonly maxBytesPerStream?: number
  /** Messages in one stream; `Infinity` for no limit but the bytes. @defaultValue Infinity */
  readonly maxMessagesPerStream?: number
  /**
   * Number of topics. Beyond it the least recently used one is evicted; a topic created again has a new epoch.
   * @defaultValue 100_000
   */
  readonly maxTopics?: number
  /**
   * How long a message stays in a topic, in milliseconds; `Infinity` for no limit but the bytes. Set it above the server's
   * `resumeWindowMs`, or clients that return within that window get gaps. Messages to one session stay as long as the session.
   * @defaultValue 600_000 (10 minutes)
   */
  readonly maxAgeMs?: number
}

/** The topics and sessions of a `RealtimeServer`, in this process. */
export interface MemoryStore {
  /** For the option `topics`. */
  readonly topics: TopicLog
  /** For the option `sessions`. */
  readonly sessions: SessionStore
}

const defaults: Required<MemoryLimits> = {
  maxBytes: 134_217_728,
  maxBytesPerStream: defaultBytesPerStream,
  maxMessagesPerStream: Infinity,
  maxTopics: 100_000,
  maxAgeMs: 600_000,
}

const leasts: Required<MemoryLimits> = {
  maxBytes: 1024,
  maxBytesPerStream: overheadBytes + 1,
  maxMessagesPerStream: 1,
  maxTopics: 1,
  maxAgeMs: 1,
}

/**
 * Creates a store of topics and sessions in this process's memory: the default, lost when the process ends. Several servers in
 * one process may share one. It has no timers and need not be closed.
 * @throws TypeError for an invalid limit; the message names it
 */
export function memoryStore(limits: MemoryLimits = {}, host: MemoryHost = storeHost): MemoryStore {
  const { maxBytes, maxBytesPerStream, maxMessagesPerStream, maxTopics, maxAgeMs } = settled(limits)
  const budget = new Budget(maxBytes)
  const perStream = { maxBytesPerStream: Math.min(maxBytesPerStream, Math.floor(maxBytes / 2)), maxMessagesPerStream }
  const topics = new BoundedStreams({ ...perStream, maxAgeMs }, () => budget.fit())
  budget.join(topics)
  return {
    topics: new MemoryTopics(topics, maxTopics, host),
    sessions: new MemorySessions(new Shares(perStream, budget), host),
  }
}

function settled(limits: MemoryLimits): Required<MemoryLimits> {
  const given = new Map<string, unknown>(Object.entries(limits))
  for (const [name, value] of given) if (!Object.hasOwn(defaults, name)) fail(name, value, `left out; there are ${names}`)
  const limit = (name: keyof MemoryLimits): number => {
    const value = given.get(name) ?? defaults[name]
    if (value === Infinity && unbounded.includes(name)) return value
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= leasts[name]) return value
    return fail(name, value, `an integer from ${leasts[name]} up${unbounded.includes(name) ? ', or Infinity' : ''}`)
  }
  return {
    maxBytes: limit('maxBytes'),
    maxBytesPerStream: limit('maxBytesPerStream'),
    maxMessagesPerStream: limit('maxMessagesPerStream'),
    maxTopics: limit('maxTopics'),
    maxAgeMs: limit('maxAgeMs'),
  }
}

/** These may be `Infinity`, since other limits apply. */
const unbounded: readonly string[] = ['maxAgeMs', 'maxMessagesPerStream']

const names = Object.keys(defaults).join(', ')

function fail(name: string, value: unknown, allowed: string): never {
  throw new TypeError(`memoryStore: ${name} must be ${allowed}; it was ${shown(value)}.`)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : typeof value === 'object' ? 'an object' : String(value)
}
