import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type {
  AppendOptions,
  Payload,
  Position,
  Reading,
  ReadLimits,
  SessionNews,
  SessionStore,
  Stored,
  TopicLog,
  TopicNews,
} from '../../src/server/store/ports.ts'
import type { OpenedSessionStore, OpenedTopicLog } from '../../src/server/testing/index.ts'

/** Faults of an engine after it has lost its last messages. */
export type LivesFault =
  | 'offsets are not raised'
  | 'the gap is not reported'
  | 'a new epoch'
  | 'what survived is delivered again'
  | 'keys survive'
  | 'watchers are not told'
  | 'sessions survive'
  | 'versions begin anew'

interface Topic {
  readonly epoch: string
  messages: Stored[]
  lostThrough: number
  tail: number
  keys: Map<string, number>
  /** The time at which each message was appended, by offset. */
  readonly times: Map<number, number>
}

/** An engine in memory that can lose messages that it has acknowledged; slow, and with faults on demand. */
export function topicsWithLives(fault?: LivesFault): OpenedTopicLog {
  let topics = new Map<string, Topic>()
  let kept: typeof topics = new Map()
  let epochs = 0
  /** The highest offset that was ever assigned. */
  let highest = 0
  const watchers = new Set<{ readonly topic: string; readonly listener: (news: TopicNews | null) => void }>()
  const use = (name: string): Topic => {
    const known = topics.get(name)
    if (known) return known
    epochs += 1
    const topic: Topic = { epoch: `e${epochs}`, messages: [], lostThrough: 0, tail: 0, keys: new Map(), times: new Map() }
    topics.set(name, topic)
    return topic
  }
  const tell = (news: TopicNews | null, of: (topic: string) => boolean) =>
    queueMicrotask(() => {
      for (const watcher of [...watchers]) {
        try {
          if (watchers.has(watcher) && of(watcher.topic)) watcher.listener(news)
        } catch {
          // An error of one listener must not affect the others.
        }
      }
    })
  const log: TopicLog = {
    async append(
      name: string,
      data: Payload,
      { key, maxMessages = Infinity, maxAgeMs = Infinity }: AppendOptions = {},
    ): Promise<number> {
      const topic = use(name)
      const known = key === undefined ? undefined : topic.keys.get(key)
      if (known !== undefined) return known
      const after = topic.tail
      topic.tail += 1
      const stored = { offset: topic.tail, data: typeof data === 'string' ? data : new Uint8Array(data) }
      highest = Math.max(highest, stored.offset)
      topic.messages.push(stored)
      if (key !== undefined) topic.keys.set(key, stored.offset)
      const now = performance.now()
      topic.times.set(stored.offset, now)
      const isOver = ({ offset }: Stored) => now - (topic.times.get(offset) ?? now) >= maxAgeMs
      while (topic.messages.length > maxMessages || topic.messages.slice(0, 1).some(isOver))
        topic.lostThrough = topic.messages.shift()?.offset ?? 0
      tell({ epoch: topic.epoch, after, ...stored }, (each) => each === name)
      return stored.offset
    },
    async readAfter(name: string, after: number, { maxMessages, maxBytes }: ReadLimits): Promise<Reading> {
      const { epoch, messages, lostThrough, tail } = use(name)
      const taken: Stored[] = []
      let bytes = 0
      for (const message of messages.filter(({ offset }) => offset > after)) {
        bytes += typeof message.data === 'string' ? Buffer.byteLength(message.data) : message.data.byteLength
        if (taken.length > 0 && (taken.length === maxMessages || bytes > maxBytes)) break
        taken.push(message)
      }
      return { epoch, messages: taken, lostThrough, tail }
    },
    async tails(names: readonly string[], last = 0): Promise<readonly Position[]> {
      return names.map((name) => {
        const { epoch, messages, tail, lostThrough } = use(name)
        const before = last === 0 ? tail : (messages.at(-last - 1)?.offset ?? lostThrough)
        return { epoch, offset: before }
      })
    },
    watch(topic, listener) {
      const watcher = { topic, listener }
      watchers.add(watcher)
      return { ready: null, stop: () => void watchers.delete(watcher) }
    },
  }
  return {
    nodes: [log, log],
    close: () => Promise.resolve(),
    async checkpoint() {
      kept = structuredClone(topics)
    },
    async loseTail() {
      const before = topics
      topics = structuredClone(kept)
      for (const [name, topic] of topics) {
        if (fault === 'a new epoch') topics.set(name, { ...topic, epoch: `${topic.epoch}n` })
      }
      for (const topic of topics.values()) if (fault !== 'offsets are not raised') topic.tail = highest + 1000
      for (const topic of topics.values()) if (fault !== 'the gap is not reported') topic.lostThrough = topic.tail
      for (const topic of topics.values()) if (fault !== 'what survived is delivered again') topic.messages = []
      if (fault === 'keys survive') for (const [name, { keys }] of before) use(name).keys = new Map(keys)
      if (fault !== 'watchers are not told') tell(null, () => true)
    },
  }
}

/** The same for sessions: a `memoryStore()` for each life. */
export function sessionsWithLives(fault?: LivesFault): OpenedSessionStore {
  let life = 0
  let inner = memoryStore().sessions
  const id = inner.id
  const listeners = new Map<(news: SessionNews) => void, () => void>()
  const shift = () => (fault === 'versions begin anew' ? 0 : life * 2 ** 40)
  const outside = (version: number) => (version === 0 ? 0 : version + shift())
  const inside = (version: number) => version - shift()
  const store: SessionStore = {
    id,
    now: () => inner.now(),
    async read(session) {
      const found = await inner.read(session)
      return found && { ...found, version: outside(found.version) }
    },
    async write(session, record, before, expiresAt) {
      const version = await inner.write(session, record, before && { ...before, version: inside(before.version) }, expiresAt)
      return version === null ? null : outside(version)
    },
    async renew(ids, expiresAt) {
      const states = await inner.renew(ids, expiresAt)
      return states.map((state) => state && { ...state, version: outside(state.version) })
    },
    remove: (session, version) => inner.remove(session, inside(version)),
    append: (session, epoch, entry) => inner.append(session, epoch, entry),
    readAfter: (session, after, limits) => inner.readAfter(session, after, limits),
    trim: (session, through) => inner.trim(session, through),
    count: (principalId) => inner.count(principalId),
    sessionsOf: (principalId) => inner.sessionsOf(principalId),
    expired: (now, limit) => inner.expired(now, limit),
    watch(session, listener) {
      let watch = inner.watch(session, mapped)
      function mapped(news: SessionNews) {
        listener(news && 'version' in news ? { version: outside(news.version) } : news)
      }
      listeners.set(mapped, () => {
        watch.stop()
        watch = inner.watch(session, mapped)
      })
      return {
        ready: null,
        stop() {
          listeners.delete(mapped)
          watch.stop()
        },
      }
    },
  }
  return {
    nodes: [store, store],
    close: () => Promise.resolve(),
    checkpoint: () => Promise.resolve(),
    async loseTail() {
      if (fault === 'sessions survive') return
      life += 1
      inner = memoryStore().sessions
      for (const [listener, watchAgain] of listeners) {
        watchAgain()
        if (fault !== 'watchers are not told') listener(null)
      }
    },
  }
}
