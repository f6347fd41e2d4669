import type { Host } from '../api/host.ts'
import type { TabMessage } from './messages.ts'
import type { Said } from './room.ts'

/** So soon, in milliseconds, the other tabs say that they use a topic; otherwise it is unsubscribed from. */
const keptMs = 300

export interface LeavingPort {
  readonly host: Host
  say(said: Said): void
}

/** The topics that this tab uses no more, until it is known whether another one does: their subscription is that of all tabs. */
export class Leaving {
  /** Whether this tab uses a topic. */
  isUsed: ((topic: string) => boolean) | null = null
  readonly #port: LeavingPort
  readonly #asked = new Map<string, (isUsed: boolean) => void>()

  constructor(port: LeavingPort) {
    this.#port = port
  }

  /** Asks the other tabs whether one of them uses the topic. One that is frozen asks for the subscription again when it wakes. */
  isUsedElsewhere(topic: string): Promise<boolean> {
    const { host, say } = this.#port
    this.#asked.get(topic)?.(true)
    return new Promise((resolve) => {
      const settle = (isUsed: boolean) => {
        cancel()
        this.#asked.delete(topic)
        resolve(isUsed)
      }
      const cancel = host.after(keptMs, () => settle(false))
      this.#asked.set(topic, settle)
      say({ type: 'leave', topic })
    })
  }

  /** Another tab asks, or answers. */
  heard({ type, topic }: Extract<TabMessage, { readonly topic: string }>): void {
    if (type === 'keep') this.#asked.get(topic)?.(true)
    else if (this.isUsed?.(topic)) this.#port.say({ type: 'keep', topic })
  }

  end(): void {
    for (const settle of this.#asked.values()) settle(true)
  }
}
