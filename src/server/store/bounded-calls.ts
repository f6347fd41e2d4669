import type { MethodMeters, StoreMeter } from '../metrics/store-meters.ts'
import type { ServerHost } from '../node/host.ts'
import { isThenable } from '../util/thenable.ts'
import type { Answer, SessionStore, TopicLog, Watch } from './ports.ts'
import type { StoreHealth } from './store-health.ts'

interface Call {
  readonly deadline: number
  readonly expired: () => void
}

type Host = Pick<ServerHost, 'elapsedMs' | 'after' | 'report'>

type Bounding = <Result>(method: string, answer: Promise<Result>) => Promise<Result>

/**
 * Adds a timeout to a store's calls: a call that exceeds it rejects, and a later answer is ignored. The outcomes determine the
 * store's health.
 */
export class BoundedCalls {
  readonly #host: Host
  readonly #timeoutMs: number
  readonly #health: StoreHealth
  /** The pending calls. All have the same timeout, so the first one expires first. */
  readonly #calls = new Set<Call>()
  #cancelTimer: (() => void) | null = null

  constructor(host: Host, timeoutMs: number, health: StoreHealth) {
    this.#host = host
    this.#timeoutMs = timeoutMs
    this.#health = health
  }

  bounded<Result>(method: string, meter: StoreMeter, answer: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const since = this.#host.elapsedMs()
      const call: Call = {
        deadline: since + this.#timeoutMs,
        expired: () => {
          meter.failed(this.#timeoutMs)
          reject(this.#failed(method, new Error(`no answer within ${this.#timeoutMs} ms`)))
        },
      }
      this.#calls.add(call)
      this.#cancelTimer ??= this.#host.after(this.#timeoutMs, () => this.#expire())
      answer
        .then(
          (result) => {
            // A late answer also shows that the store is available.
            const isInTime = this.#calls.delete(call)
            const now = this.#host.elapsedMs()
            this.#health.answered(now)
            if (isInTime) meter.answered(now - since)
            resolve(result)
          },
          (error: unknown) => {
            // An expired call has been reported already.
            if (!this.#calls.delete(call)) return
            meter.failed(this.#host.elapsedMs() - since)
            reject(this.#failed(method, error))
          },
        )
        // The call has left the list, so it would not expire either.
        .catch(reject)
    })
  }

  /** Leaves the pending calls unsettled: nothing waits for them any more. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#calls.clear()
  }

  #failed(method: string, cause: unknown): unknown {
    const { error, report } = this.#health.failed(method, cause, this.#host.elapsedMs())
    if (report) this.#host.report(report)
    return error
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

export function boundedTopics(log: TopicLog, calls: BoundedCalls, meters: MethodMeters): TopicLog {
  const bounded: Bounding = (method, answer) => calls.bounded(method, meters.of(method), answer)
  return {
    append: (topic, data, options) => bounded('append', log.append(topic, data, options)),
    readAfter: (topic, after, limits) => bounded('readAfter', log.readAfter(topic, after, limits)),
    tails: (topics, last) => bounded('tails', log.tails(topics, last)),
    watch: (topic, listener) => boundedWatch(log.watch(topic, listener), bounded),
  }
}

export function boundedSessions(store: SessionStore, calls: BoundedCalls, meters: MethodMeters): SessionStore {
  const bounded: Bounding = (method, answer) => calls.bounded(method, meters.of(method), answer)
  const answer = <Result>(method: string, given: Answer<Result>) => (isThenable(given) ? bounded(method, given) : given)
  return {
    get id() {
      return store.id
    },
    now: () => store.now(),
    read: (id) => bounded('read', store.read(id)),
    write: (id, record, before, expiresAt) => answer('write', store.write(id, record, before, expiresAt)),
    renew: (ids, expiresAt) => bounded('renew', store.renew(ids, expiresAt)),
    remove: (id, ifVersion) => bounded('remove', store.remove(id, ifVersion)),
    append: (id, epoch, entry) => answer('append', store.append(id, epoch, entry)),
    readAfter: (id, after, limits) => bounded('readAfter', store.readAfter(id, after, limits)),
    trim: (id, through) => bounded('trim', store.trim(id, through)),
    count: (principalId) => bounded('count', store.count(principalId)),
    sessionsOf: (principalId) => bounded('sessionsOf', store.sessionsOf(principalId)),
    expired: (now, limit) => bounded('expired', store.expired(now, limit)),
    watch: (id, listener) => boundedWatch(store.watch(id, listener), bounded),
  }
}

function boundedWatch(watch: Watch, bounded: Bounding): Watch {
  return watch.ready ? { ready: bounded('watch', watch.ready), stop: () => watch.stop() } : watch
}
