import type { ServerHost } from '../server/node/host.ts'
import { within } from '../server/util/within.ts'
import type { KafkaClient, KafkaFetched } from './client.ts'
import type { TopicListeners } from './listeners.ts'
import { partitionOfTopic } from './murmur2.ts'
import { Partition } from './partition.ts'
import type { TopicsSettings } from './topics-options.ts'
import { Coalesced, type Deadline } from './waiting.ts'

/** How long a fetch waits at the broker for a first record, in milliseconds, and how many bytes it returns at most. */
const fetchWaitMs = 1000
const fetchBytes = 1_048_576

/** The first and the longest pause after a failure, in milliseconds; the pause doubles each time. */
const pausesMs = [100, 2000] as const

/** How long reads must fail before that is reported, in milliseconds: a partition's change of leader is not an outage. */
const outageMs = 1000

/** How often a node checks whether partitions were added, in milliseconds: reads do not show it. */
const checkMs = 5000

/** The Kafka topic as this node has read it. */
export interface View {
  readonly id: string
  readonly partitions: Partition[]
  leaders: readonly number[]
}

interface Waiter {
  readonly index: number
  readonly offset: number
  resolve(): void
}

/** Reads all partitions from their ends until it is closed, and keeps their newest messages. */
export class Follower {
  readonly #client: KafkaClient
  readonly #settings: TopicsSettings
  readonly #host: ServerHost
  readonly #listeners: TopicListeners
  readonly #ends: Coalesced<readonly number[]>
  #view: View | null = null
  #opening: { readonly opened: Promise<View>; open(view: View): void }
  #waiters: Waiter[] = []
  /** Counts the starts: results of an earlier one are ignored. */
  #run = 0
  #outage: { readonly sinceMs: number; readonly error: unknown; readonly isReported: boolean } | null = null
  #isClosed = false
  #stopPause = () => {}

  constructor(settings: TopicsSettings, listeners: TopicListeners) {
    this.#client = settings.client
    this.#host = settings.host
    this.#settings = settings
    this.#listeners = listeners
    this.#ends = new Coalesced(() => this.#client.ends(settings.topic))
    let open: (view: View) => void = () => {}
    this.#opening = { opened: new Promise((resolve) => (open = resolve)), open: (view) => open(view) }
    this.#live().catch((error) => this.#host.report(error))
  }

  get view(): View | null {
    return this.#view
  }

  /** Resolves with the current view, once the Kafka topic was reached for the first time. */
  async opened(deadline: Deadline): Promise<View> {
    return this.#view ?? deadline.within(this.#opening.opened, () => this.#outage?.error)
  }

  /** Resolves when everything that is in the partitions of these topics now was read. */
  async synced(topics: readonly string[], deadline: Deadline): Promise<View> {
    for (;;) {
      const view = await this.opened(deadline)
      const ends = await deadline.retry(() => this.#ends.call())
      if (ends.length !== view.partitions.length) this.#beginAnew()
      const wanted = new Set(topics.map((topic) => partitionOfTopic(topic, view.partitions.length)))
      await Promise.all([...wanted].map((index) => this.reached(index, ends[index] ?? 0, deadline)))
      if (this.#view === view) return view
    }
  }

  /** Resolves when a partition was read up to this offset, or was replaced. */
  async reached(index: number, offset: number, deadline: Deadline): Promise<void> {
    if ((this.#view?.partitions[index]?.position ?? Infinity) >= offset) return
    let waiter: Waiter | null = null
    const reached = new Promise<void>((resolve) => {
      waiter = { index, offset, resolve }
      this.#waiters.push(waiter)
    })
    try {
      await deadline.within(reached, () => this.#outage?.error)
    } finally {
      this.#waiters = this.#waiters.filter((each) => each !== waiter)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#run += 1
    this.#stopPause()
  }

  async #live(): Promise<void> {
    let pauseMs: number = pausesMs[0]
    while (!this.#isClosed) {
      try {
        await this.#open()
        pauseMs = pausesMs[0]
        await this.#follow()
      } catch (error) {
        if (!this.#isClosed) this.#failed(error)
      }
      this.#beginAnew()
      if (this.#isClosed) return
      await this.#pause(pauseMs)
      pauseMs = Math.min(pauseMs * 2, pausesMs[1])
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#host.after(ms, resolve)
      this.#stopPause = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Reports each outage once. */
  #failed(error: unknown): void {
    const { sinceMs, isReported } = this.#outage ?? { sinceMs: this.#host.elapsedMs(), isReported: false }
    const isOutage = this.#host.elapsedMs() - sinceMs >= outageMs
    this.#outage = { sinceMs, error, isReported: isReported || isOutage }
    if (isReported || !isOutage) return
    const { topic } = this.#settings
    this.#host.report(new Error(`kafkaTopics: the Kafka topic '${topic}' cannot be read for now.`, { cause: error }))
  }

  async #open(): Promise<void> {
    const { topic, warmUpMessages, keyWindowMs } = this.#settings
    const [{ id, leaders }, starts, ends] = await this.#bounded(
      Promise.all([this.#client.describe(topic), this.#client.starts(topic), this.#client.ends(topic)]),
    )
    const isSame = this.#view?.id === id && this.#view.partitions.length === leaders.length
    const known = isSame ? (this.#view?.partitions ?? []) : []
    const share = Math.ceil(warmUpMessages / leaders.length)
    const partitions = leaders.map((_, index) => {
      const [start, end] = [starts[index] ?? 0, ends[index] ?? 0]
      const before = known[index]
      if (before && before.position >= start && before.position <= end) return before
      if (before && before.position > end) this.#host.report(new Error(lostEnd(topic, index, before.position, end)))
      return new Partition(index, `${id}-${index}`, { from: Math.max(start, end - share), start, begun: end }, keyWindowMs)
    })
    if (this.#isClosed) return
    const isChanged = partitions.some((partition, index) => partition !== known[index])
    if (this.#view && !isChanged) this.#view.leaders = leaders
    else this.#replace({ id, partitions, leaders })
  }

  #replace(view: View): void {
    this.#view = view
    this.#opening.open(view)
    for (const { resolve } of this.#waiters.splice(0)) resolve()
    this.#listeners.notifyAll()
  }

  /** Reads until an error, or until the partitions are others. */
  async #follow(): Promise<void> {
    const view = this.#view
    if (!view) return
    const run = this.#run
    const leaders = [...new Set(view.leaders)]
    const followed = leaders.map((leader) => {
      const partitions = view.partitions.filter((_, index) => view.leaders[index] === leader)
      return this.#followLeader(view.id, leader, partitions, run)
    })
    await Promise.all([...followed, this.#checkPartitions(view, run)])
  }

  /** Nodes that know different numbers of partitions would keep a topic in different ones. */
  async #checkPartitions({ partitions }: View, run: number): Promise<void> {
    for (;;) {
      await this.#pause(checkMs)
      if (this.#run !== run) return
      // Whatever this failure means, reading shows it too.
      const found = await this.#bounded(this.#client.describe(this.#settings.topic)).catch(() => null)
      if (this.#run !== run) return
      if (found && found.leaders.length !== partitions.length) return this.#beginAnew()
    }
  }

  async #followLeader(topicId: string, leader: number, partitions: readonly Partition[], run: number): Promise<void> {
    while (this.#run === run) {
      const from = partitions.map(({ index, position }) => ({ partition: index, offset: position }))
      const request = { topic: this.#settings.topic, topicId, leader, from, maxBytes: fetchBytes, maxWaitMs: fetchWaitMs }
      const fetched = await this.#bounded(this.#client.fetch(request), fetchWaitMs)
      if (this.#run !== run) return
      this.#outage = null
      for (const each of fetched)
        this.#take(
          partitions.find(({ index }) => index === each.partition),
          each,
        )
      this.#makeRoom()
    }
  }

  #take(partition: Partition | undefined, fetched: KafkaFetched): void {
    if (!partition) return
    const { epoch, begun } = partition
    partition.take(fetched, ({ topic, offset, data }, after) => {
      // A producer with another partitioner has written the record to a partition where readers of its topic do not look.
      const isWatched = offset > begun && this.#listeners.has(topic)
      if (isWatched && partitionOfTopic(topic, this.#view?.partitions.length ?? 0) === partition.index)
        this.#listeners.notify(topic, { epoch, offset, after, data })
    })
    const isReached = ({ index, offset }: Waiter) => index === partition.index && offset <= partition.position
    for (const { resolve } of this.#waiters.filter(isReached)) resolve()
    this.#waiters = this.#waiters.filter((waiter) => !isReached(waiter))
  }

  #makeRoom(): void {
    const partitions = this.#view?.partitions ?? []
    let bytes = partitions.reduce((sum, each) => sum + each.bytes, 0)
    while (bytes > this.#settings.maxBytes) {
      const largest = partitions.reduce((most, each) => (each.bytes > most.bytes ? each : most))
      bytes -= largest.discardOldest()
    }
  }

  #beginAnew(): void {
    this.#run += 1
    this.#stopPause()
  }

  #bounded<Result>(promise: Promise<Result>, waitMs = 0): Promise<Result> {
    const ms = this.#settings.timeoutMs + waitMs
    return within(promise, ms, this.#host, () => new Error(`kafkaTopics: Kafka did not answer within ${ms} ms.`))
  }
}

function lostEnd(topic: string, partition: number, position: number, end: number): string {
  return (
    `kafkaTopics: partition ${partition} of '${topic}' ends at ${end}, and was read up to ${position} before: Kafka has lost ` +
    'messages that it had acknowledged. See what docs/guide/kafka.md says of acks, min.insync.replicas and unclean elections.'
  )
}
