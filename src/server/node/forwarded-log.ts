import type { Payload, TopicLog, TopicNews, Watch } from '../store/ports.ts'
import type { ServerHost } from './host.ts'

const readLimits = { maxMessages: 256, maxBytes: 1_048_576 }
/** How long the store keeps forwarded entries, in milliseconds: what was not read by then is forwarded again. */
const keptMs = 60_000

/** The topic over which other nodes reach this one. No application can publish to it: its name contains the node's name. */
export function topicOf(name: string): string {
  return `node ${name}`
}

/** Forwards an entry to the readers of this topic. */
export async function appendForwarded(log: TopicLog, topic: string, text: string): Promise<void> {
  await log.append(topic, text, { maxAgeMs: keptMs })
}

/** Reads what other nodes forward to this one, from the first entry on. Entries that the log has lost are forwarded again. */
export class ForwardedLog {
  readonly #topic: string
  readonly #log: TopicLog
  readonly #host: ServerHost
  readonly #take: (data: Payload) => void
  readonly #watch: Watch
  #epoch = ''
  #offset = 0
  #state: 'resting' | 'reading' | 'unsettled' | 'stopped' = 'resting'

  constructor(topic: string, log: TopicLog, host: ServerHost, take: (data: Payload) => void) {
    this.#topic = topic
    this.#log = log
    this.#host = host
    this.#take = take
    this.#watch = log.watch(this.#topic, (news) => this.#announced(news))
    // A watch that cannot be established now announces `null` later.
    this.#watch.ready?.catch((error) => host.report(error))
  }

  stop(): void {
    this.#state = 'stopped'
    this.#watch.stop()
  }

  #announced(news: TopicNews | null): void {
    if (this.#state === 'stopped') return
    const isSame = news !== null && (news.epoch === this.#epoch || this.#epoch === '')
    if (isSame && this.#epoch !== '' && news.offset <= this.#offset) return
    const isNext = isSame && this.#state === 'resting' && news.after === this.#offset && news.data !== undefined
    if (!isNext) {
      this.#read()
      return
    }
    this.#epoch = news.epoch
    this.#offset = news.offset
    if (news.data !== undefined) this.#take(news.data)
  }

  #read(): void {
    if (this.#state !== 'resting') {
      this.#state = 'unsettled'
      return
    }
    this.#state = 'reading'
    this.#readOn().catch((error) => {
      // The next announcement triggers another read.
      if (!this.#isOver()) this.#state = 'resting'
      this.#host.report(error)
    })
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const { epoch, messages, lostThrough, tail } = await this.#log.readAfter(this.#topic, this.#offset, readLimits)
      if (this.#isOver()) return
      if (epoch !== this.#epoch && this.#epoch !== '' && this.#offset > 0) {
        this.#epoch = epoch
        this.#offset = 0
        continue
      }
      this.#epoch = epoch
      this.#offset = Math.max(this.#offset, lostThrough, messages.at(-1)?.offset ?? 0)
      for (const { data } of messages) this.#take(data)
      if (this.#offset < tail && messages.length > 0) continue
      if (this.#state === 'reading') break
      this.#state = 'reading'
    }
    this.#state = 'resting'
  }

  #isOver(): boolean {
    return this.#state === 'stopped'
  }
}
