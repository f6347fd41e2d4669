import { memoryStore } from '../../src/server/store/memory/memory-store.ts'
import type { SessionNews, SessionStore, TopicLog, TopicNews } from '../../src/server/store/ports.ts'

type Faults<Store> = Readonly<Record<string, (right: Store) => Partial<Store>>>

/** A store of which some methods are replaced. */
function replaced<Store extends object>(right: Store, methods: Partial<Store>): Store {
  return new Proxy(right, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function changedNews(right: TopicLog, change: (news: TopicNews) => TopicNews | null): Partial<TopicLog> {
  return { watch: (topic, listener) => right.watch(topic, (news) => listener(news && change(news))) }
}

export const topicFaults: Faults<TopicLog> = {
  'the tail of a reading is its last message': (right) => ({
    async readAfter(topic, after, limits) {
      const reading = await right.readAfter(topic, after, limits)
      return { ...reading, tail: reading.messages.at(-1)?.offset ?? reading.tail }
    },
  }),
  'the tail of a reading is that of the reading before': (right) => {
    const tails = new Map<string, number>()
    return {
      async readAfter(topic, after, limits) {
        const before = tails.get(topic)
        const reading = await right.readAfter(topic, after, limits)
        tails.set(topic, reading.tail)
        return { ...reading, tail: Math.max(before ?? reading.tail, reading.messages.at(-1)?.offset ?? 0) }
      },
    }
  },
  'the bytes of a message are read later': (right) => ({
    async append(topic, data, options) {
      await Promise.resolve()
      return right.append(topic, data, options)
    },
  }),
  'lostThrough is read before the messages': (right) => ({
    async readAfter(topic, after, limits) {
      const { lostThrough } = await right.readAfter(topic, after, limits)
      await new Promise((resolve) => setTimeout(resolve, 1))
      return { ...(await right.readAfter(topic, after, limits)), lostThrough }
    },
  }),
  'spaces around topic names are ignored': (right) => ({
    append: (topic, data, options) => right.append(topic.trim(), data, options),
    readAfter: (topic, after, limits) => right.readAfter(topic.trim(), after, limits),
    tails: (topics, last) =>
      right.tails(
        topics.map((topic) => topic.trim()),
        last,
      ),
    watch: (topic, listener) => right.watch(topic.trim(), listener),
  }),
  'reads ignore maxMessages': (right) => ({
    readAfter: (topic, after, limits) => right.readAfter(topic, after, { ...limits, maxMessages: 1000 }),
  }),
  'reads ignore maxBytes': (right) => ({
    readAfter: (topic, after, limits) => right.readAfter(topic, after, { ...limits, maxBytes: 1_000_000 }),
  }),
  'reads include the message at the position': (right) => ({
    readAfter: (topic, after, limits) => right.readAfter(topic, Math.max(0, after - 1), limits),
  }),
  'bytes become text': (right) => ({
    append: (topic, data, options) => right.append(topic, typeof data === 'string' ? data : String(data), options),
  }),
  'tails ignore `last`': (right) => ({ tails: (topics) => right.tails(topics) }),
  'tails are returned in another order': (right) => ({ tails: (topics, last) => right.tails([...topics].sort(), last) }),
  'the tail is too low': (right) => ({
    tails: async (topics, last) =>
      (await right.tails(topics, last)).map((each) => ({ ...each, offset: Math.max(0, each.offset - 1) })),
  }),
  'the epoch changes': (right) => {
    let calls = 0
    return {
      async tails(topics, last) {
        calls += 1
        return (await right.tails(topics, last)).map((each) => ({ ...each, epoch: `e${calls}` }))
      },
    }
  },
  'keys are ignored': (right) => ({
    append: (topic, data, options) => right.append(topic, data, { ...options, key: undefined }),
  }),
  'keys are common to all topics': (right) => {
    const known = new Map<string, Promise<number>>()
    return {
      append(topic, data, options) {
        const before = known.get(options?.key ?? '')
        if (options?.key !== undefined && before) return before
        const appended = right.append(topic, data, options)
        if (options?.key !== undefined) known.set(options.key, appended)
        return appended
      },
    }
  },
  'maxMessages is ignored': (right) => ({
    append: (topic, data, options) => right.append(topic, data, { ...options, maxMessages: undefined }),
  }),
  'maxAgeMs is ignored': (right) => ({
    append: (topic, data, options) => right.append(topic, data, { ...options, maxAgeMs: undefined }),
  }),
  'topic names are case-insensitive': (right) => ({
    append: (topic, data, options) => right.append(topic.toLowerCase(), data, options),
    readAfter: (topic, after, limits) => right.readAfter(topic.toLowerCase(), after, limits),
    tails: (topics, last) =>
      right.tails(
        topics.map((topic) => topic.toLowerCase()),
        last,
      ),
    watch: (topic, listener) => right.watch(topic.toLowerCase(), listener),
  }),
  'no change is announced': () => ({ watch: () => ({ ready: null, stop() {} }) }),
  'a watch takes effect after its `ready`': (right) => ({
    watch(topic, listener) {
      let watch: { stop(): void } | null = null
      const timer = setTimeout(() => {
        watch = right.watch(topic, listener)
      }, 5)
      return {
        ready: Promise.resolve(),
        stop() {
          clearTimeout(timer)
          watch?.stop()
        },
      }
    },
  }),
  'a stopped listener is called': (right) => ({
    watch: (topic, listener) => ({ ...right.watch(topic, listener), stop() {} }),
  }),
  'listeners are called during the append': (right) => {
    const listeners = new Set<(news: TopicNews | null) => void>()
    return {
      append(topic, data, options) {
        for (const listener of listeners) listener(null)
        return right.append(topic, data, options)
      },
      watch(topic, listener) {
        listeners.add(listener)
        const watch = right.watch(topic, listener)
        return {
          ready: watch.ready,
          stop() {
            listeners.delete(listener)
            watch.stop()
          },
        }
      },
    }
  },
  'announcements have 0 as `after`': (right) => changedNews(right, (news) => ({ ...news, after: 0 })),
  'announcements have wrong data': (right) => changedNews(right, (news) => ({ ...news, data: 'other' })),
  'announcements have a wrong offset': (right) => changedNews(right, (news) => ({ ...news, offset: news.offset + 1 })),
  'announcements have a wrong epoch': (right) => changedNews(right, (news) => ({ ...news, epoch: 'other' })),
}

function changedEntries(right: SessionStore, change: (news: Exclude<SessionNews, null>) => SessionNews): Partial<SessionStore> {
  return { watch: (id, listener) => right.watch(id, (news) => listener(news && change(news))) }
}

export const sessionFaults: Faults<SessionStore> = {
  'a write ignores the version': (right) => ({
    write: async (id, record, _, expiresAt) => right.write(id, record, await right.read(id), expiresAt),
  }),
  'principal, data and subscriptions are written once only': (right) => ({
    write(id, record, before, expiresAt) {
      const { principal, data, subscriptions } = before?.record ?? record
      return right.write(id, { ...record, principal, data, subscriptions }, before, expiresAt)
    },
  }),
  'a write drops a field': (right) => ({
    write: (id, record, before, expiresAt) => right.write(id, { ...record, redeliveredThrough: 0 }, before, expiresAt),
  }),
  ...Object.fromEntries(
    (['answeredAt', 'protocol', 'isPinned'] as const).map((field) => [
      `a read drops ${field}`,
      (right: SessionStore): Partial<SessionStore> => ({
        async read(id) {
          const found = await right.read(id)
          if (!found) return null
          const { [field]: _, ...record } = found.record
          return { ...found, record }
        },
      }),
    ]),
  ),
  'subscriptions are kept without the name and the expiry that the client knows': (right) => ({
    write(id, record, before, expiresAt) {
      const subscriptions = record.subscriptions.map(({ as: _, until: __, ...rest }) => rest)
      return right.write(id, { ...record, subscriptions }, before, expiresAt)
    },
  }),
  'the clock stands still': (right) => {
    const now = right.now()
    return { now: () => now }
  },
  'principals are case-insensitive': (right) => ({
    count: async (principalId) => ({
      ...(await right.count(principalId)),
      ofPrincipal: new Set([...(await right.sessionsOf(principalId)), ...(await right.sessionsOf(principalId.toUpperCase()))])
        .size,
    }),
  }),
  'the bytes of an entry are read later': (right) => ({
    async append(id, epoch, entry) {
      await Promise.resolve()
      return right.append(id, epoch, entry)
    },
  }),
  'any version can be removed': (right) => ({
    remove: async (id) => right.remove(id, (await right.read(id))?.version ?? 0),
  }),
  'a renewal moves the expiry': (right) => ({
    async renew(ids, expiresAt) {
      for (const id of ids) {
        const found = await right.read(id)
        if (found) await right.write(id, found.record, found, expiresAt)
      }
      return right.renew(ids, expiresAt)
    },
  }),
  'a renewal renews the first session only': (right) => ({
    renew: async (ids, expiresAt) => {
      await right.renew(ids.slice(0, 1), expiresAt)
      return right.renew(ids, 0)
    },
  }),
  'a renewal leaves out sessions that are gone': (right) => ({
    renew: async (ids, expiresAt) => (await right.renew(ids, expiresAt)).filter((state) => state !== null),
  }),
  'a renewal returns 0 as every tail': (right) => ({
    renew: async (ids, expiresAt) => (await right.renew(ids, expiresAt)).map((state) => state && { ...state, tail: 0 }),
  }),
  'all sessions are counted for each principal': (right) => ({
    async count(principalId) {
      const { all } = await right.count(principalId)
      return { all, ofPrincipal: all }
    },
  }),
  'sessionsOf() finds no session': () => ({ sessionsOf: () => Promise.resolve([]) }),
  'expired() returns sessions in the wrong order': (right) => ({
    expired: async (now, limit) => [...(await right.expired(now, limit))].reverse(),
  }),
  'expired() ignores its limit': (right) => ({ expired: (now) => right.expired(now, Infinity) }),
  'an entry is accepted for any epoch': (right) => ({
    append: async (id, _, entry) => right.append(id, (await right.read(id))?.record.epoch ?? '', entry),
  }),
  'an entry loses its meta': (right) => ({ append: (id, epoch, { kind, data }) => right.append(id, epoch, { kind, data }) }),
  'an entry with an empty text loses its data': (right) => ({
    append: (id, epoch, entry) => right.append(id, epoch, { ...entry, data: entry.data || undefined }),
  }),
  'trim does nothing': () => ({ trim: () => Promise.resolve() }),
  'trimmed entries are not reported as lost': (right) => ({
    async readAfter(id, after, limits) {
      const reading = await right.readAfter(id, after, limits)
      return reading && { ...reading, lostThrough: 0 }
    },
  }),
  'the tail of the private stream is its last read entry': (right) => ({
    async readAfter(id, after, limits) {
      const reading = await right.readAfter(id, after, limits)
      return reading && { ...reading, tail: reading.messages.at(-1)?.offset ?? 0 }
    },
  }),
  'no change is announced': () => ({ watch: () => ({ ready: null, stop() {} }) }),
  'a removal is announced as a version': (right) =>
    changedEntries(right, (news) => ('version' in news ? { version: news.version || 1 } : news)),
  'an append is announced at the wrong offset': (right) =>
    changedEntries(right, (news) => ('tail' in news ? { ...news, tail: news.tail + 1 } : news)),
  'an append is announced for the wrong epoch': (right) =>
    changedEntries(right, (news) => ('tail' in news ? { ...news, epoch: 'e1' } : news)),
  'an append is announced with another entry': (right) =>
    changedEntries(right, (news) => ('tail' in news ? { ...news, entry: { kind: 'other' } } : news)),
}

/** A `memoryStore()` with the fault of this name, which keeps 100 messages of each topic. */
export function faultyTopics(name: string): TopicLog {
  const { topics } = memoryStore({ maxMessagesPerStream: 100 })
  return replaced(topics, topicFaults[name]?.(topics) ?? {})
}

export function faultySessions(name: string): SessionStore {
  const { sessions } = memoryStore()
  return replaced(sessions, sessionFaults[name]?.(sessions) ?? {})
}
