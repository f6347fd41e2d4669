import type { Payload } from '../server/store/ports.ts'
import { type BridgeSettings, bridgeSettings, type KafkaBridgeOptions } from './bridge-options.ts'
import type { ConsumedRecord } from './consumer.ts'

/** The pause before a publication that failed is repeated, doubled up to the second one. */
const pausesMs = [100, 5000] as const

/** Feeds pages from Kafka topics of the application. */
export interface KafkaBridge {
  /**
   * Settles when the bridge has ended: resolves after `stop()`, and rejects if a bad record ended it (`onBadRecord: 'stop'`) or Kafka
   * cannot be read.
   */
  readonly ended: Promise<void>
  /** Takes no more records, waits for the publication and the commit that are under way, and closes the consumer. */
  stop(): Promise<void>
}

/**
 * Publishes each record of a consumer to a topic, one after the other, and commits its offset when that has succeeded: a record is
 * published at least once. It is published again after a crash between the two, or when another member of the group takes the partition
 * over meanwhile; the key `<Kafka topic>-<partition>-<offset>` of the publication makes the store drop that, as long as its window for
 * keys lasts. A publication that fails is repeated until it succeeds or the bridge is stopped; nothing behind it is read meanwhile.
 * @throws TypeError for an option that cannot be used
 */
export function kafkaBridge(options: KafkaBridgeOptions): KafkaBridge {
  return new Bridge(bridgeSettings(options))
}

class Bridge implements KafkaBridge {
  readonly #settings: BridgeSettings
  readonly ended: Promise<void>
  readonly #inFlight = new Set<Promise<void>>()
  /** The last record of each partition that was published, and not committed yet. */
  readonly #toCommit = new Map<string, ConsumedRecord>()
  #committing: Promise<void> | null = null
  #isCommitFailing = false
  #isStopping = false
  #stopped: Promise<void> | null = null
  #wake = () => {}

  constructor(settings: BridgeSettings) {
    this.#settings = settings
    this.ended = this.#run()
    // Whoever does not wait for it is told of its failure by `onError`.
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
    // What is not published now is not committed, and is read again after the next start.
    if (this.#isStopping) return Promise.resolve()
    const handled = this.#publish(record)
    this.#inFlight.add(handled)
    return handled.finally(() => this.#inFlight.delete(handled))
  }

  async #publish(record: ConsumedRecord): Promise<void> {
    const message = this.#messageOf(record)
    if (message) {
      const { topic, data } = message
      const key = `${record.topic}-${record.partition}-${record.offset}`
      const publish = () => this.#settings.publish(topic, data, { key })
      if (!(await this.#repeat(publish, (error) => this.#isBad(record, error)))) return
    }
    this.#toCommit.set(`${record.topic}-${record.partition}`, record)
    this.#committing ??= this.#commit()
  }

  /** While offsets are committed the next records are published; a commit that fails is covered by the next one of its partition. */
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

  /** Such an error would come again each time. */
  #isBad(record: ConsumedRecord, error: unknown): boolean {
    if (!(error instanceof TypeError || error instanceof RangeError)) return false
    this.#refuse(record, error)
    return true
  }

  /** @throws the error if it is to end the bridge, which reports it then */
  #refuse({ topic, partition, offset }: ConsumedRecord, cause: unknown): void {
    const message = `kafkaBridge: the record ${topic}-${partition}-${offset} cannot be published.`
    const error = new Error(message, { cause })
    if (this.#settings.onBadRecord === 'stop') throw error
    this.#settings.host.report(error)
  }

  /** Resolves with whether it was done, or was not to be done; `false` if the bridge was stopped before. */
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
