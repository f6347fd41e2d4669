import type { Mailbox } from './mailbox.ts'
import type { Sent, TabMessage } from './messages.ts'
import type { Replica } from './replica.ts'
import type { Room } from './room.ts'
import type { SharedCalls } from './shared-calls.ts'

export interface NumberingPort<Out> {
  readonly room: Room
  readonly replica: Replica
  readonly mailbox: Mailbox<Out>
  readonly calls: SharedCalls
}

/** The numbers of the tabs' messages in the session: the leader gives them, and each tab follows what becomes of its own. */
export class Numbering<Out> {
  readonly #port: NumberingPort<Out>
  /** How many new sessions this tab has begun as the leader without having received its own message about them. */
  #renewals = 0

  constructor(port: NumberingPort<Out>) {
    this.#port = port
  }

  /** Numbers messages of a tab, as its leader; `seq` is that of the first. */
  assign(tab: string, seq: number, messages: readonly Sent[]): void {
    const { room, replica } = this.#port
    const assigned = replica.roll.assign(tab, seq, messages)
    if (assigned.length) room.postAsLeader({ type: 'assigned', messages: assigned })
  }

  /** The leader has numbered messages. */
  assigned({ from, messages }: Extract<TabMessage, { readonly type: 'assigned' }>): void {
    const { room, replica, mailbox, calls } = this.#port
    if (this.#renewals && from === room.me) return
    for (const each of messages) {
      if (!replica.keep(each)) {
        // The leader lacks numbers that this tab has from the leader before, so that the two would not agree again.
        room.step({ type: 'forgot' })
        return
      }
      calls.numbered(each)
      if (each.tab === room.me) mailbox.placed(each.n)
    }
    if (room.isLeading) replica.pump()
  }

  /** Follows what the session knows of this tab's messages; those below `first` are acknowledged. */
  adopt(first: number): void {
    const { room, replica, mailbox } = this.#port
    const { roll } = replica
    const { me: tab } = room
    if (!roll.isUnsure(tab)) mailbox.revoked(roll.of(tab))
    while (mailbox.count < roll.of(tab)) mailbox.placed(roll.numberOf({ tab, seq: mailbox.count + 1 }))
    mailbox.settledBelow(first)
  }

  /** This tab leads and has begun a new session: numbers that it has posted and not received yet are void. */
  renewing(): void {
    const { replica, mailbox, calls } = this.#port
    this.#renewals += 1
    replica.roll.revoked(replica.sent)
    mailbox.repost()
    calls.revoked()
  }

  /** This tab has received its own message about the new session. */
  renewed(): void {
    this.#renewals -= 1
  }

  /** This tab leads from now on. */
  lead(): void {
    const { room, replica, mailbox } = this.#port
    this.#renewals = 0
    mailbox.count = replica.roll.of(room.me)
  }
}
