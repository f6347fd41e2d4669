import { createHash } from 'node:crypto'
import type { Payload } from '../server/store/ports.ts'
import { type BridgeSettings, bridgeSettings, type KafkaBridgeOptions } from './bridge-options.ts'
import type { ConsumedRecord } from './consumer.ts'

/** The first and the longest pause before a failed publication is retried, in milliseconds; the pause doubles each time. */
const pausesMs = [100, 5000] as const

/** Publishes records of the application's Kafka topics to its pages. */
export interface KafkaBridge {
  /**
   * Settles when the bridge has ended: resolves after `stop()`, and rejects if a bad record ended it (`onBadRecord: 'stop'`) or
   * if Kafka cannot be read.
   */
  readonly ended: Promise<void>
  /** Accepts no more records, waits for the current publication and commit, and closes the consumer. */
  stop(): Promise<void>
}

/**
 * Publishes each record of a consumer to a topic, one after the other, and then commits its offset: at-least-once. A record is
 * published again after a crash between the two, or when another member of the group takes over the partition in between; the
 * publication's key `<Kafka topic>-<partition>-<offset>` (with a hash of a long name) makes the store drop the duplicate within its
 * window for keys. A failed publication is retried until it succeeds or the bridge is stopped; nothing after it is read in the
 * meantime.
 * @throws TypeError for an invalid option
 */
export function kafkaBridge(options: KafkaBridgeOptions): KafkaBridge {
  return new Bridge(bridgeSettings(options))
}

class Bridge implements KafkaBridge {
  readonly #settings: BridgeSettings
  readonly ended: Promise<void>
  readonly #inFlight = new Set<Promise<void>>()
  /** The last record of each partition that was published and not committed yet. */
  readonly #toCommit = new Map<string, ConsumedRecord>()
  #committing: Promise<void> | null = null
  #isCommitFailing = false
  #isStopping = false
  #stopped: Promise<void> | null = null
  #wake = () => {}

  constructor(settings: BridgeSettings) {
    this.#settings = settings
    this.ended = this.#run()
    // If the application ignores this promise, `onError` receives the failure.
    this.ended.catch((error) => settings.host.report(error))
  }

  stop(): Promise<void> {
    this.#isStopping = true
    this.#wake()
    this.#stopped ??= this.#close()
    return this.#stopped
  }

  async #run(): Promise<void> {
    try {
      await this.#settings.consumer.start((record) => this.#handle(record))
    } finally {
      await this.#close()
    }
  }

  async #close(): Promise<void> {
    this.#isStopping = true
    await Promise.allSettled([...this.#inFlight])
    await this.#committing
    await this.#settings.consumer.close()
  }

  #handle(record: ConsumedRecord): Promise<void> {
    // A record that is not published now is not committed, so the next start reads it again.
    if (this.#isStopping) return Promise.resolve()
    const handled = this.#publish(record)
    this.#inFlight.add(handled)
    return handled.finally(() => this.#inFlight.delete(handled))
  }

  async #publish(record: ConsumedRecord): Promise<void> {
    const message = this.#messageOf(record)
    if (message) {
      const { topic, data } = message
      const publish = () => this.#settings.publish(topic, data, { key: keyOf(record) })
      if (!(await this.#repeat(publish, (error) => this.#isBad(record, error)))) return
    }
    this.#toCommit.set(`${record.topic}-${record.partition}`, record)
    this.#committing ??= this.#commit()
  }

  /** The next records are published while offsets are committed; the next commit of a partition makes up for a failed one. */
  async #commit(): Promise<void> {
    for (const [name, record] of this.#toCommit) {
      this.#toCommit.delete(name)
      try {
        await this.#settings.consumer.commit(record)
        this.#isCommitFailing = false
      } catch (error) {
        if (!this.#isCommitFailing) this.#settings.host.report(error)
        this.#isCommitFailing = true
      }
    }
    this.#committing = null
  }

  /** `null` for a record that is not published. */
  #messageOf(record: ConsumedRecord): { readonly topic: string; readonly data: Payload } | null {
    try {
      const topic = this.#settings.toTopic(record)
      return topic === null ? null : { topic, data: this.#settings.toData(record) }
    } catch (error) {
      this.#refuse(record, error)
      return null
    }
  }

  /** Such an error would recur on each retry. */
  #isBad(record: ConsumedRecord, error: unknown): boolean {
    if (!(error instanceof TypeError || error instanceof RangeError)) return false
    this.#refuse(record, error)
    return true
  }

  /** @throws the error if it ends the bridge, which then reports it */
  #refuse({ topic, partition, offset }: ConsumedRecord, cause: unknown): void {
    const message = `kafkaBridge: the record ${topic}-${partition}-${offset} cannot be published.`
    const error = new Error(message, { cause })
    if (this.#settings.onBadRecord === 'stop') throw error
    this.#settings.host.report(error)
  }

  /** Retries until it succeeds or is given up (`true`), or until the bridge is stopped (`false`). */
  async #repeat(run: () => Promise<unknown>, isGivenUp: (error: unknown) => boolean): Promise<boolean> {
    for (let pauseMs: number = pausesMs[0]; ; pauseMs = Math.min(pauseMs * 2, pausesMs[1])) {
      try {
        await run()
        return true
      } catch (error) {
        if (isGivenUp(error)) return true
        if (pauseMs === pausesMs[0]) this.#settings.host.report(error)
      }
      if (this.#isStopping) return false
      await this.#pause(pauseMs)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#settings.host.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

/** The longest key of a publication. */
const maxKeyLength = 256

/** The same at each publication of a record, and of no other one: no Kafka topic has `#` in its name. */
function keyOf({ topic, partition, offset }: ConsumedRecord): string {
  const key = `${topic}-${partition}-${offset}`
  if (key.length <= maxKeyLength) return key
  return `${createHash('sha256').update(topic).digest('hex')}#${partition}-${offset}`
}
