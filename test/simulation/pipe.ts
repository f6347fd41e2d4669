import type { Being, Clock } from './clock.ts'

/** The current properties of the line, read again for each packet. */
export interface Travel {
  latencyMs(): number
  bytesPerMs(): number
  /** Until this time nothing arrives; bytes in flight arrive afterwards. */
  stalledUntil(): number
}

interface Packet {
  readonly bytes: number
  readonly arriveAt: number
  readonly deliver: () => void
}

/** One direction of a connection, which delivers in order under all conditions. */
export class Pipe {
  /** Bytes that were pushed and have not arrived yet. */
  undelivered = 0
  /** Called when something has arrived, so that there is room again. */
  onRoom: () => void = () => {}
  #packets: Packet[] = []
  #departedAt = 0
  #arrivedAt = 0
  #cancel: (() => void) | null = null
  #state: 'open' | 'hole' | 'cut' = 'open'
  readonly #clock: Clock
  readonly #receiver: Being
  readonly #travel: Travel

  constructor(clock: Clock, receiver: Being, travel: Travel) {
    this.#clock = clock
    this.#receiver = receiver
    this.#travel = travel
  }

  /** Bytes that wait at the sender because the line is busy, broken or stalled. */
  get waiting(): number {
    if (this.#state === 'hole' || this.#travel.stalledUntil() > this.#clock.now) return this.undelivered
    const notDeparted = (this.#departedAt - this.#clock.now) * this.#travel.bytesPerMs()
    return Math.min(this.undelivered, Math.max(0, Math.ceil(notDeparted)))
  }

  push(bytes: number, deliver: () => void, extraMs = 0): void {
    if (this.#state === 'cut') return
    const { now } = this.#clock
    this.undelivered += bytes
    this.#departedAt = Math.max(this.#departedAt, now + extraMs) + bytes / this.#travel.bytesPerMs()
    this.#arrivedAt = Math.max(this.#arrivedAt, this.#departedAt + this.#travel.latencyMs())
    this.#packets.push({ bytes, arriveAt: this.#arrivedAt, deliver })
    this.#arm()
  }

  /** From now on nothing arrives, without notice to the sender. */
  swallow(): void {
    if (this.#state === 'open') this.#state = 'hole'
    this.#cancel?.()
    this.#cancel = null
  }

  /** Ends the line: a share of the bytes in flight still arrives, then `end` is called, and later pushes are lost. */
  cut(share: number, end: (() => void) | null): void {
    if (this.#state === 'cut') return
    const isHole = this.#state === 'hole'
    this.#packets.length = isHole ? 0 : Math.floor(this.#packets.length * share)
    this.#state = 'cut'
    this.#cancel?.()
    this.#cancel = null
    const last = this.#packets.at(-1)?.arriveAt ?? this.#clock.now
    if (end) this.#packets.push({ bytes: 0, arriveAt: Math.max(last, this.#clock.now + this.#travel.latencyMs()), deliver: end })
    this.#arm()
  }

  /** The properties of the line have changed: waiting packets are scheduled again. */
  resume(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#departedAt = this.#arrivedAt = this.#clock.now
    this.#packets = this.#packets.map(({ bytes, deliver }) => {
      this.#departedAt += bytes / this.#travel.bytesPerMs()
      this.#arrivedAt = Math.max(this.#arrivedAt, this.#departedAt + this.#travel.latencyMs())
      return { bytes, deliver, arriveAt: this.#arrivedAt }
    })
    this.#arm()
  }

  #arm(): void {
    const [first] = this.#packets
    if (!first || this.#cancel || this.#state === 'hole') return
    const at = Math.max(first.arriveAt, this.#travel.stalledUntil())
    this.#cancel = this.#clock.after(this.#receiver, at - this.#clock.now, () => {
      this.#cancel = null
      if (this.#travel.stalledUntil() <= this.#clock.now) this.#arrive()
      this.#arm()
    })
  }

  #arrive(): void {
    const packet = this.#packets.shift()
    if (!packet) return
    this.undelivered -= packet.bytes
    packet.deliver()
    this.onRoom()
  }
}
