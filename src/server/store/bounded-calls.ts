import type { ServerHost } from '../node/host.ts'
import { isThenable } from '../util/thenable.ts'
import type { Answer, SessionStore, TopicLog, Watch } from './ports.ts'
import type { StoreHealth } from './store-health.ts'

interface Call {
  readonly deadline: number
  readonly expired: () => void
}

/**
 * Bounds the time of a store's calls: one that is not answered in time rejects, and a later answer to it is ignored. What the calls come
 * to tells the store's health.
 */
export class BoundedCalls {
  readonly #host: Pick<ServerHost, 'elapsedMs' | 'after'>
  readonly #timeoutMs: number
  readonly #health: StoreHealth
  /** The calls under way. All have the same time, so the first one expires first. */
  readonly #calls = new Set<Call>()
  #cancelTimer: (() => void) | null = null

  constructor(host: Pick<ServerHost, 'elapsedMs' | 'after'>, timeoutMs: number, health: StoreHealth) {
    this.#host = host
    this.#timeoutMs = timeoutMs
    this.#health = health
  }

  bounded<Result>(method: string, answer: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        deadline: this.#host.elapsedMs() + this.#timeoutMs,
        expired: () => reject(this.#health.failed(method, new Error(`no answer within ${this.#timeoutMs} ms`))),
      }
      this.#calls.add(call)
      this.#cancelTimer ??= this.#host.after(this.#timeoutMs, () => this.#expire())
      answer.then(
        (result) => {
          // A late answer shows that the store is there as well.
          this.#health.answered()
          this.#calls.delete(call)
          resolve(result)
        },
        (error: unknown) => {
          // One that has expired was reported then.
          if (this.#calls.delete(call)) reject(this.#health.failed(method, error))
        },
      )
    })
  }

  /** The calls under way are left unanswered: nobody waits for them any more. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#calls.clear()
  }

  #expire(): void {
    this.#cancelTimer = null
    const now = this.#host.elapsedMs()
    for (const call of this.#calls) {
      if (call.deadline > now) {
        this.#cancelTimer = this.#host.after(call.deadline - now, () => this.#expire())
        return
      }
      this.#calls.delete(call)
      call.expired()
    }
  }
}

export function boundedTopics(log: TopicLog, calls: BoundedCalls): TopicLog {
  return {
    append: (topic, data, options) => calls.bounded('append', log.append(topic, data, options)),
    readAfter: (topic, after, limits) => calls.bounded('readAfter', log.readAfter(topic, after, limits)),
    tails: (topics, last) => calls.bounded('tails', log.tails(topics, last)),
    watch: (topic, listener) => boundedWatch(log.watch(topic, listener), calls),
  }
}

export function boundedSessions(store: SessionStore, calls: BoundedCalls): SessionStore {
  const answer = <Result>(method: string, given: Answer<Result>) => (isThenable(given) ? calls.bounded(method, given) : given)
  return {
    get id() {
      return store.id
    },
    now: () => store.now(),
    read: (id) => calls.bounded('read', store.read(id)),
    write: (id, record, before, expiresAt) => answer('write', store.write(id, record, before, expiresAt)),
    renew: (ids, expiresAt) => calls.bounded('renew', store.renew(ids, expiresAt)),
    remove: (id, ifVersion) => calls.bounded('remove', store.remove(id, ifVersion)),
    append: (id, epoch, entry) => answer('append', store.append(id, epoch, entry)),
    readAfter: (id, after, limits) => calls.bounded('readAfter', store.readAfter(id, after, limits)),
    trim: (id, through) => calls.bounded('trim', store.trim(id, through)),
    count: (principalId) => calls.bounded('count', store.count(principalId)),
    sessionsOf: (principalId) => calls.bounded('sessionsOf', store.sessionsOf(principalId)),
    expired: (now, limit) => calls.bounded('expired', store.expired(now, limit)),
    watch: (id, listener) => boundedWatch(store.watch(id, listener), calls),
  }
}

function boundedWatch(watch: Watch, calls: BoundedCalls): Watch {
  return watch.ready ? { ready: calls.bounded('watch', watch.ready), stop: () => watch.stop() } : watch
}
