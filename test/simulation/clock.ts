/** A simulated process: its events wait while it is asleep, and never happen once it is dead. */
export class Being {
  readonly name: string
  /** Its timers that have neither fired nor been cancelled. */
  pending = 0
  state: 'awake' | 'asleep' | 'dead' = 'awake'
  readonly missed: Timer[] = []

  constructor(name: string) {
    this.name = name
  }
}

interface Timer {
  at: number
  order: number
  readonly being: Being
  run: (() => void) | null
}

/** Time that jumps from event to event. */
export class Clock {
  now = 0
  /** Number of events so far. */
  events = 0
  #order = 0
  readonly #heap: Timer[] = []

  after(being: Being, delayMs: number, run: () => void): () => void {
    this.#order += 1
    const timer: Timer = { at: this.now + Math.max(0, delayMs), order: this.#order, being, run }
    being.pending += 1
    this.#push(timer)
    return () => {
      if (!timer.run) return
      timer.run = null
      being.pending -= 1
    }
  }

  /** Runs the next event if it is due by `until`; returns whether there was one. */
  step(until: number): boolean {
    for (;;) {
      const [next] = this.#heap
      if (!next || next.at > until) return false
      this.#pop()
      const { run, being } = next
      if (!run || being.state === 'dead') continue
      if (being.state === 'asleep') {
        being.missed.push(next)
        continue
      }
      this.now = Math.max(this.now, next.at)
      next.run = null
      being.pending -= 1
      this.events += 1
      run()
      return true
    }
  }

  /** Wakes a process: events that it missed while asleep happen now, in the order in which they were due. */
  wake(being: Being): void {
    if (being.state !== 'asleep') return
    being.state = 'awake'
    for (const timer of being.missed.splice(0)) {
      timer.at = this.now
      this.#order += 1
      timer.order = this.#order
      this.#push(timer)
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (!parent || !isBefore(timer, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = timer
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (!left) break
      if (right && isBefore(right, left)) child += 1
      const smaller = heap[child]
      if (!smaller || !isBefore(smaller, last)) break
      heap[at] = smaller
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** Lets all promises settle that do not wait for a timer. */
export function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
