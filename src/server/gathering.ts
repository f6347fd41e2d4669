import type { ServerHost } from './host.ts'

/** Does for many at once, a moment after the first has asked for it, what is better done once than often. */
export class Gathering<Item> {
  readonly #host: Pick<ServerHost, 'after'>
  readonly #delayMs: number
  readonly #run: (item: Item) => void
  #items = new Set<Item>()
  #cancel: (() => void) | null = null

  constructor(host: Pick<ServerHost, 'after'>, delayMs: number, run: (item: Item) => void) {
    this.#host = host
    this.#delayMs = delayMs
    this.#run = run
  }

  add(item: Item): void {
    this.#items.add(item)
    this.#cancel ??= this.#host.after(this.#delayMs, () => {
      const items = this.#items
      this.#items = new Set()
      this.#cancel = null
      for (const each of items) this.#run(each)
    })
  }

  /** Nothing is done any more, whoever still asks for it. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = () => {}
  }
}
