import type { TabMessage } from './messages.ts'

type Early = Extract<TabMessage, { readonly type: 'assigned' | 'lost' | 'uses' }>
type Sync = Extract<TabMessage, { readonly type: 'sync' }>

/** Messages that a tab has received after its `join` and cannot apply before the leader's `sync`. */
export class EarlyMessages {
  #messages: Early[] = []

  /** Keeps the message, if its effect is not part of the `sync`. */
  add(message: TabMessage): void {
    if (message.type === 'assigned' || message.type === 'lost' || message.type === 'uses') this.#messages.push(message)
  }

  /** The tab has joined: the leader's `sync` has what precedes it. */
  clear(): void {
    this.#messages = []
  }

  /** The leader has begun a new session: its numbers before are void, unless the `sync` has them. */
  revoke(leader: Sync): void {
    this.#messages = this.#messages.filter((each) => !isOf(each, leader))
  }

  /** The messages to apply after this `sync`. */
  take(leader: Sync): readonly Early[] {
    return this.#messages.splice(0).filter((each) => each.type === 'uses' || isOf(each, leader))
  }
}

function isOf(message: Early, { from, term }: Sync): boolean {
  return message.type !== 'uses' && message.from === from && message.term === term
}
