import type { ServerHost } from '../server/node/host.ts'
import { nodeHost } from '../server/node/process-host.ts'
import { within } from '../server/util/within.ts'
import { OptionChecks } from './check-options.ts'
import type { ConsumedRecord, KafkaConsumer } from './consumer.ts'
import { checkModule, platformaticSettings } from './platformatic.ts'
import type {
  ConnectionEvent,
  PlatformaticGroups,
  PlatformaticMember,
  PlatformaticMessage,
  PlatformaticOptions,
} from './platformatic-types.ts'

/** The first and the longest pause before reconnecting to the cluster, in milliseconds; the pause doubles each time. */
const pausesMs = [200, 5000] as const

export interface PlatformaticConsumerOptions extends PlatformaticOptions {
  /** The Kafka topics of the application. */
  readonly topics: readonly string[]
  readonly groupId: string
  /** Where a group starts that has committed nothing yet. @defaultValue 'latest' */
  readonly from?: 'latest' | 'earliest'
  /** Called once per outage. @defaultValue a warning of the process */
  readonly onError?: (error: unknown) => void
}

/**
 * Creates a `KafkaConsumer` from `@platformatic/kafka`, imported as `import * as kafka from '@platformatic/kafka'`. The options
 * besides its own are those of that library. It rejoins its group after an outage, until it is closed.
 * @throws TypeError for an invalid option
 */
export function platformaticConsumer(kafka: PlatformaticGroups, options: PlatformaticConsumerOptions): KafkaConsumer {
  checkModule('platformaticConsumer', kafka, ['Consumer'])
  const settings = platformaticSettings('platformaticConsumer', options)
  const checks = new OptionChecks('platformaticConsumer', options, Object.keys(options))
  checks.id('groupId')
  checks.texts('topics')
  checks.functionOr('onError', true)
  const { topics, onError, from: _, timeoutMs, ...library } = { ...settings, ...options }
  // The library closes a connection only after the pending fetch was answered.
  const defaults = { connectTimeout: timeoutMs, maxWaitTime: 500 }
  const make = () => new kafka.Consumer({ ...defaults, ...library, retries: 0, autocommit: false } as never)
  return new GroupMember(make, topics, checks.oneOf('from', ['latest', 'earliest']), nodeHost(onError), timeoutMs)
}

class GroupMember implements KafkaConsumer {
  readonly #make: () => PlatformaticMember
  readonly #topics: readonly string[]
  readonly #from: 'latest' | 'earliest'
  readonly #host: ServerHost
  readonly #timeoutMs: number
  readonly #messages = new WeakMap<ConsumedRecord, PlatformaticMessage>()
  #endReading = () => {}
  #wake = () => {}
  #reading: Promise<void> | null = null
  #isClosed = false

  constructor(
    make: () => PlatformaticMember,
    topics: readonly string[],
    from: 'latest' | 'earliest',
    host: ServerHost,
    timeoutMs: number,
  ) {
    this.#make = make
    this.#topics = topics
    this.#from = from
    this.#host = host
    this.#timeoutMs = timeoutMs
  }

  start(handle: (record: ConsumedRecord) => Promise<void>): Promise<void> {
    this.#reading ??= this.#read(handle)
    return this.#reading
  }

  async commit(record: ConsumedRecord): Promise<void> {
    await this.#messages.get(record)?.commit()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#endReading()
    this.#wake()
    await this.#reading?.catch(() => {})
  }

  async #read(handle: (record: ConsumedRecord) => Promise<void>): Promise<void> {
    let [pauseMs, isReported]: [number, boolean] = [pausesMs[0], false]
    while (!this.#isClosed) {
      const member = this.#make()
      const sockets = new Set<ConnectionEvent['connection']['socket']>()
      member.on('client:broker:connect', ({ connection: { socket } }) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      // Only an error of the application's `handle` ends the reading.
      let handled: Promise<void> | null = null
      try {
        const options = { mode: 'committed', fallbackMode: this.#from, autocommit: false } as const
        const stream = await member.consume({ topics: [...this.#topics], ...options })
        this.#endReading = () => void stream.destroy()
        if (this.#isClosed) stream.destroy()
        for await (const message of stream) {
          handled = handle(this.#recordOf(message))
          await handled
          handled = null
          ;[pauseMs, isReported] = [pausesMs[0], false]
        }
      } catch (error) {
        if (handled) throw error
        if (!this.#isClosed && !isReported) this.#host.report(error)
        isReported = true
      } finally {
        const late = () => new Error('Kafka did not answer.')
        await within(member.close(), this.#timeoutMs, this.#host, late).catch(() => {})
        for (const socket of sockets) socket.destroy()
      }
      if (!this.#isClosed) await this.#pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, pausesMs[1])
    }
  }

  #recordOf(message: PlatformaticMessage): ConsumedRecord {
    const { topic, partition, offset, timestamp, key, value, headers } = message
    const record = {
      topic,
      partition,
      offset: Number(offset),
      timestamp: Number(timestamp),
      key,
      value,
      headers: [...headers].map(([name, text]) => [name.toString(), text.toString()] as const),
    }
    this.#messages.set(record, message)
    return record
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#host.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
