import type { ServerHost } from '../server/node/host.ts'
import { within } from '../server/util/within.ts'
import type {
  ConnectionEvent,
  PlatformaticConsumer,
  PlatformaticKafka,
  PlatformaticOptions,
  PlatformaticProducer,
} from './platformatic-types.ts'

interface Kinds {
  readonly producer: PlatformaticProducer
  readonly consumer: PlatformaticConsumer
}

export interface ConnectionSettings {
  readonly kafka: PlatformaticKafka
  readonly options: PlatformaticOptions
  readonly timeoutMs: number
  readonly host: ServerHost
}

/**
 * A producer or a consumer that is created on demand, and dropped after a failure. The library has no timeout for a request, so a
 * slow request's sockets are closed; and a producer whose batch has an unknown outcome must not be reused, since its next batch
 * would have the same sequence number, which a broker treats as the same batch.
 */
export class PlatformaticConnection<Kind extends keyof Kinds> {
  readonly #kind: Kind
  readonly #settings: ConnectionSettings
  #current: { readonly client: Kinds[Kind]; readonly giveUp: () => Promise<void> } | null = null
  #isClosed = false

  constructor(kind: Kind, settings: ConnectionSettings) {
    this.#kind = kind
    this.#settings = settings
  }

  /** @param waitMs how long the request may additionally wait at the broker, in milliseconds */
  async run<Result>(call: (client: Kinds[Kind]) => Promise<Result>, waitMs = 0): Promise<Result> {
    if (this.#isClosed) throw new Error('The Kafka client was closed.')
    const { host, timeoutMs } = this.#settings
    const used = this.#current ?? this.#make()
    this.#current = used
    const ms = timeoutMs + waitMs
    try {
      return await within(call(used.client), ms, host, () => new Error(`Kafka did not answer within ${ms} ms.`))
    } catch (error) {
      if (this.#current === used) this.#current = null
      used.giveUp().catch(() => {})
      throw error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const used = this.#current
    this.#current = null
    await used?.giveUp().catch(() => {})
  }

  #make(): { client: Kinds[Kind]; giveUp: () => Promise<void> } {
    const { kafka, options, timeoutMs } = this.#settings
    const retries = Math.ceil(timeoutMs / retryDelayMs)
    const all = {
      groupId: options.clientId,
      connectTimeout: timeoutMs,
      ...options,
      // A batch that the library retries has the same sequence number, so that it is appended once.
      ...(this.#kind === 'producer' ? { retries, retryDelay: retryDelayMs, idempotent: true, acks: -1 } : { retries: 0 }),
    }
    const client: PlatformaticProducer | PlatformaticConsumer =
      this.#kind === 'producer' ? new kafka.Producer(all as never) : new kafka.Consumer(all as never)
    const sockets = new Set<ConnectionEvent['connection']['socket']>()
    let isGivenUp = false
    client.on('client:broker:connect', ({ connection: { socket } }) => {
      if (isGivenUp) socket.destroy()
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    })
    const giveUp = async () => {
      isGivenUp = true
      // The library's own close waits for the other side, which may no longer answer.
      for (const socket of sockets) socket.destroy()
      await client.close()
    }
    return { client: client as Kinds[Kind], giveUp }
  }
}

const retryDelayMs = 200
