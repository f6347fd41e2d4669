import type { Buckets } from './buckets.ts'
import type { StoreClock } from './clock.ts'
import type { RedisHost } from './host.ts'
import type { Link } from './link.ts'
import { type Script, topicIdleMs } from './scripts/script.ts'
import type { Watches } from './watches.ts'

export interface HeartbeatSettings {
  readonly link: Link
  readonly watches: Watches
  readonly buckets: Buckets
  readonly clock: StoreClock
  readonly host: RedisHost
  readonly timeoutMs: number
  /** The script of a beat. */
  readonly script: Script
  readonly touch: Script
}

const beatMs = 1000
/** How long an echo may take, in milliseconds. */
const echoMs = 2000
/** How often watched topics are touched, in milliseconds: otherwise they would be discarded once they hold no message. */
const touchMs = topicIdleMs / 4
const touchAtOnce = 500

interface Beat {
  number: number
  /** The number of the last echo on the subscription. */
  echo: number
  state: 'none' | 'sent' | 'answered' | 'failed'
  answeredAt: number
  /** Why it has failed; it is the cause of the restart that follows. */
  failure: unknown
  /** Whether this node had subscribed to its channel when the beat was sent. */
  isExpected: boolean
}

/**
 * Detects a silent connection, for which TCP takes a quarter of an hour: at each beat a script publishes to this node's own
 * channel, so that one connection answers and the other receives it. Also detects a new life of an unused bucket.
 */
export class Heartbeat {
  readonly #settings: HeartbeatSettings
  readonly #channel: string
  readonly #beats: readonly Beat[]
  readonly #stops: (() => void)[]
  #touchedAt: number
  #cancel: () => void

  constructor(settings: HeartbeatSettings) {
    const { buckets, watches, host } = settings
    this.#settings = settings
    this.#channel = `n:b:${host.randomId()}`
    this.#touchedAt = host.elapsedMs()
    this.#beats = buckets.all.map(() => ({
      number: 0,
      echo: 0,
      state: 'none',
      answeredAt: 0,
      failure: undefined,
      isExpected: false,
    }))
    this.#stops = this.#beats.map((beat, bucket) => {
      const { stop } = watches.watch(buckets.base(bucket) + this.#channel, (message) => {
        // After missed announcements no echo is awaited.
        beat.echo = Math.max(beat.echo, message ? Number(message.toString('latin1')) : beat.number)
      })
      return stop
    })
    this.#cancel = host.after(beatMs, () => this.#tick())
  }

  stop(): void {
    this.#cancel()
    for (const stop of this.#stops) stop()
  }

  #tick(): void {
    const { host, link, watches, timeoutMs } = this.#settings
    this.#cancel = host.after(beatMs, () => this.#tick())
    const now = host.elapsedMs()
    const failed = this.#beats.find(({ state }) => state === 'failed')
    if ((failed || !link.isReady) && now - link.connectedAt > timeoutMs) {
      // From now on the new connection's answers count.
      for (const beat of this.#beats) if (beat.state === 'failed') beat.state = 'none'
      link.restart(new Error('the connection was silent', { cause: failed?.failure }))
    }
    const isDeaf = !watches.isReady || this.#beats.some((beat) => isUnheard(beat) && now - beat.answeredAt > echoMs)
    if (isDeaf && now - watches.connectedAt > timeoutMs) {
      for (const beat of this.#beats) beat.echo = beat.number
      watches.restart(new Error('the connection was silent'))
    }
    for (const bucket of this.#beats.keys()) this.#send(bucket)
    if (now - this.#touchedAt < touchMs) return
    this.#touchedAt = now
    for (const bucket of this.#beats.keys()) this.#touch(bucket)
  }

  #send(bucket: number): void {
    const { link, watches, buckets, script, clock, host } = this.#settings
    const beat = this.#beats[bucket]
    // Waits for the beat in progress and its echo.
    if (!beat || !link.isReady || beat.state === 'sent' || isUnheard(beat)) return
    beat.number += 1
    beat.state = 'sent'
    beat.isExpected = watches.isInForce(buckets.base(bucket) + this.#channel)
    const sentAt = host.elapsedMs()
    link
      .run(script, bucket, [this.#channel, String(beat.number)])
      .then(([now, policy]) => {
        beat.state = 'answered'
        beat.answeredAt = host.elapsedMs()
        if (bucket === 0) clock.sample(Number(now), sentAt)
        // The hello of the next connection refuses all calls, until the policy has been put right.
        if (String(policy) !== 'noeviction') link.restart(new Error('maxmemory-policy was changed'))
      })
      .catch((error) => {
        beat.state = 'failed'
        beat.failure = error
      })
  }

  #touch(bucket: number): void {
    const { link, touch, watches, buckets } = this.#settings
    const topics = [...watches.watched(`${buckets.base(bucket)}n:t:`)]
    for (let at = 0; at === 0 || at < topics.length; at += touchAtOnce)
      link.run(touch, bucket, topics.slice(at, at + touchAtOnce)).catch(() => {})
  }
}

function isUnheard({ state, isExpected, echo, number }: Beat): boolean {
  return state === 'answered' && isExpected && echo < number
}
