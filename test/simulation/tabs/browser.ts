import type { LockEvents, TabHost } from '../../../src/api/tab-host.ts'
import type { Being, Clock } from '../clock.ts'
import type { Random } from '../random.ts'

interface Ear {
  readonly being: Being
  readonly heard: (message: unknown) => void
  /** When the last message arrived there; later ones arrive after it. */
  arrivedAt: number
  readonly waiting: unknown[]
}

interface Asking {
  readonly being: Being
  readonly events: LockEvents
}

/** What tabs share in one browser: locks, and channels that deliver messages to all tabs in one order, each with a delay. */
export class Browser {
  /** The longest delay of a message in a channel, in milliseconds. */
  channelMs = 20
  readonly storage = new Map<string, string>()
  /** Called with each message when it is posted. */
  onPosted: (message: unknown, being: Being) => void = () => {}
  readonly #clock: Clock
  readonly #random: Random
  readonly #ears = new Map<string, Set<Ear>>()
  readonly #holders = new Map<string, Asking>()
  readonly #queues = new Map<string, Asking[]>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  for(being: Being): TabHost {
    return {
      lock: (name, isStealing, events) => this.#lock(name, isStealing, { being, events }),
      held: async () => {
        await new Promise<void>((resolve) => this.#clock.after(being, this.#delayMs(), resolve))
        return [...this.#holders.keys()]
      },
      channel: (name, heard) => {
        const ears = this.#ears.get(name) ?? new Set<Ear>()
        this.#ears.set(name, ears)
        const own: Ear = { being, heard, arrivedAt: 0, waiting: [] }
        ears.add(own)
        return {
          post: (message) => this.#post(ears, message, being),
          close: () => void ears.delete(own),
        }
      },
    }
  }

  /** The browser releases the locks and channels of a dead tab. */
  died(being: Being): void {
    for (const ears of this.#ears.values()) for (const ear of ears) if (ear.being === being) ears.delete(ear)
    for (const [name, queue] of this.#queues)
      this.#queues.set(
        name,
        queue.filter((each) => each.being !== being),
      )
    for (const [name, holder] of this.#holders) if (holder.being === being) this.#free(name, holder)
  }

  #post(ears: Set<Ear>, message: unknown, being: Being): void {
    const { now } = this.#clock
    this.onPosted(message, being)
    for (const ear of ears) {
      ear.waiting.push(structuredClone(message))
      ear.arrivedAt = Math.max(ear.arrivedAt, now + this.#delayMs())
      this.#clock.after(ear.being, ear.arrivedAt - now, () => {
        const next = ear.waiting.shift()
        if (ears.has(ear)) ear.heard(next)
      })
    }
  }

  #lock(name: string, isStealing: boolean, asking: Asking): () => void {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    if (isStealing) {
      const holder = this.#holders.get(name)
      this.#grant(name, asking)
      if (holder) this.#clock.after(holder.being, this.#delayMs(), () => holder.events.lost())
    } else if (this.#holders.has(name)) queue.push(asking)
    else this.#grant(name, asking)
    return () => {
      this.#queues.set(
        name,
        (this.#queues.get(name) ?? []).filter((each) => each !== asking),
      )
      if (this.#holders.get(name) === asking) this.#free(name, asking)
    }
  }

  #grant(name: string, asking: Asking): void {
    this.#holders.set(name, asking)
    this.#clock.after(asking.being, this.#delayMs(), () => asking.events.granted())
  }

  #free(name: string, holder: Asking): void {
    if (this.#holders.get(name) !== holder) return
    this.#holders.delete(name)
    const next = this.#queues.get(name)?.shift()
    if (next) this.#grant(name, next)
  }

  #delayMs(): number {
    return this.#random.next() ** 3 * this.channelMs
  }
}
