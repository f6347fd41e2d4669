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
  /** The beat's script. */
  readonly script: Script
  readonly touch: Script
}

const beatMs = 1000
/** How long an echo may take. */
const echoMs = 2000
/** Topics that are watched are used at this interval, or they would be discarded once they hold no message. */
const touchMs = topicIdleMs / 4
const touchAtOnce = 500

interface Beat {
  number: number
  /** The last one that came over the subscription. */
  echo: number
  state: 'none' | 'sent' | 'answered' | 'failed'
  answeredAt: number
  /** Whether this node had subscribed to its channel when the beat was sent. */
  isExpected: boolean
}

/**
 * Notices that a connection has become silent, which TCP does not for a quarter of an hour: at each beat a script publishes to this node's own
 * channel, so that one connection answers and the other one hears it. Notices a new life of a bucket that is not in use, too.
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
    this.#beats = buckets.all.map(() => ({ number: 0, echo: 0, state: 'none', answeredAt: 0, isExpected: false }))
    this.#stops = this.#beats.map((beat, bucket) => {
      const { stop } = watches.watch(buckets.base(bucket) + this.#channel, (message) => {
        // One that may have been missed is not waited for.
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
    const isSilent = !link.isReady || this.#beats.some(({ state }) => state === 'failed')
    if (isSilent && now - link.connectedAt > timeoutMs) {
      // What the new connection answers counts.
      for (const beat of this.#beats) if (beat.state === 'failed') beat.state = 'none'
      link.restart(new Error('the connection was silent'))
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
    // One that is under way is waited for, and so is its echo.
    if (!beat || !link.isReady || beat.state === 'sent' || isUnheard(beat)) return
    beat.number += 1
    beat.state = 'sent'
    beat.isExpected = watches.isInForce(buckets.base(bucket) + this.#channel)
    const sentAt = host.elapsedMs()
    link.run(script, bucket, [this.#channel, String(beat.number)]).then(
      ([now]) => {
        beat.state = 'answered'
        beat.answeredAt = host.elapsedMs()
        if (bucket === 0) clock.sample(Number(now), sentAt)
      },
      () => {
        beat.state = 'failed'
      },
    )
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
