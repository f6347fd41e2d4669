import type { Host } from '../api/host.ts'
import type { TabMessage } from './messages.ts'
import type { TabPayload } from './room.ts'

/** How long the other tabs have to post that they use a topic, in milliseconds; without an answer it is unsubscribed from. */
const keptMs = 300

export interface LeavingPort {
  readonly host: Host
  post(message: TabPayload): void
}

/** The topics that this tab no longer uses, until it is known whether another tab does: all tabs share one subscription. */
export class Leaving {
  /** Whether this tab uses a topic. */
  isUsed: ((topic: string) => boolean) | null = null
  readonly #port: LeavingPort
  readonly #asked = new Map<string, (isUsed: boolean) => void>()

  constructor(port: LeavingPort) {
    this.#port = port
  }

  /** Asks the other tabs whether one of them uses the topic. A frozen tab subscribes again when it wakes. */
  isUsedElsewhere(topic: string): Promise<boolean> {
    const { host, post } = this.#port
    this.#asked.get(topic)?.(true)
    return new Promise((resolve) => {
      const settle = (isUsed: boolean) => {
        cancel()
        this.#asked.delete(topic)
        resolve(isUsed)
      }
      const cancel = host.after(keptMs, () => settle(false))
      this.#asked.set(topic, settle)
      post({ type: 'leave', topic })
    })
  }

  /** Handles the question or the answer of another tab. */
  heard({ type, topic }: Extract<TabMessage, { readonly topic: string }>): void {
    if (type === 'keep') this.#asked.get(topic)?.(true)
    else if (this.isUsed?.(topic)) this.#port.post({ type: 'keep', topic })
  }

  end(): void {
    for (const settle of this.#asked.values()) settle(true)
  }
}
