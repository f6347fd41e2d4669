import type { Mailbox } from './mailbox.ts'
import { type Assigned, isCall, type Shared, type TabMessage, type Uses } from './messages.ts'
import type { Replica } from './replica.ts'
import type { Room } from './room.ts'
import { ServerRequests } from './server-requests.ts'
import { TopicUses } from './topic-uses.ts'

export interface SharedCallsPort {
  readonly room: Room
  readonly replica: Replica
  readonly mailbox: Pick<Mailbox<unknown>, 'answers' | 'of'>
  /** Whether the leader takes messages. */
  isUp(): boolean
  /** Whether the application of this tab has closed its client. */
  isClosedHere(): boolean
  /** This tab may use other topics than it has posted. */
  onWaiting(): void
}

/** The calls that concern all tabs: the server's requests, and the ends of the subscriptions that the tabs share. */
export class SharedCalls {
  /** Returns the topics that this tab uses. */
  topics: () => readonly string[] = () => []
  /** Called when the server has ended a subscription; `isMissed`: while this tab was away. */
  onUnsubscribed: (topic: string, isMissed?: boolean) => void = () => {}
  readonly #port: SharedCallsPort
  readonly #requests: ServerRequests
  readonly #uses: TopicUses

  constructor(port: SharedCallsPort) {
    this.#port = port
    this.#requests = new ServerRequests(port.mailbox.answers)
    this.#uses = new TopicUses(port.room)
  }

  /** For a tab that joins. */
  get snapshot(): Pick<Shared, 'uses' | 'asked'> {
    return { uses: this.#uses.snapshot, asked: this.#requests.snapshot }
  }

  adopt({ uses, asked }: Shared): void {
    this.#uses.adopt(uses)
    this.#requests.adopt(asked)
  }

  /** Each tab takes the answers to its own calls; the leader answers the server's. */
  received(json: unknown): void {
    const { room, replica, mailbox, isClosedHere, onWaiting } = this.#port
    mailbox.answers.received(
      json,
      (n) => {
        replica.answered(n)
        return mailbox.of(n)
      },
      (call) => this.#requests.heard(call, replica.life, room.isLeading && !isClosedHere()),
    )
    // A topic that was refused is no longer used.
    onWaiting()
  }

  /** Posts which topics this tab uses, if that has changed. */
  postUses(): void {
    this.#uses.post(this.topics())
    this.unsubscribe()
  }

  used({ from, tab, topics }: Extract<TabMessage, { readonly type: 'uses' }>): void {
    const { room, onWaiting } = this.#port
    // What this tab has posted of itself counted at once.
    if (from === room.me && tab === from) return
    this.#uses.heard(tab, topics)
    if (room.isLeading) this.#uses.watch()
    this.unsubscribe()
    if (tab !== room.me) return
    // A leader took this tab for gone, and unsubscribes from the topics that no other tab uses.
    for (const topic of this.topics()) if (!this.#uses.used.includes(topic)) this.onUnsubscribed(topic, true)
    onWaiting()
  }

  /** A message of a tab is numbered. */
  numbered({ tab, data }: Assigned): void {
    if (!isCall(data)) return
    if (tab) this.#requests.numbered(data.call)
    if (!/^{"type":"(un)?subscribe"/.test(data.call)) return
    const { topic } = JSON.parse(data.call)
    this.#uses.numbered(topic, !tab)
    this.unsubscribe()
  }

  /** The leader unsubscribes from the topics that no tab uses any more. */
  unsubscribe(): void {
    const { room, replica, isUp } = this.#port
    if (!room.isLeading || !isUp()) return
    const calls = this.#uses.take().map((topic) => ({ call: JSON.stringify({ type: 'unsubscribe', topic }) }))
    if (calls.length) room.postAsLeader({ type: 'assigned', messages: replica.roll.assign('', null, calls) })
  }

  lead(): void {
    this.#uses.watch()
    this.#requests.lead(this.#port.replica.life)
  }

  stepDown(): void {
    this.#uses.unwatch()
  }

  /** Numbers that the leader has posted and not received yet are void; for another tab, `uses` are those without them. */
  revoked([, unused]: Uses = [[], []]): void {
    this.#uses.revoked(unused)
  }

  /** Another tab answers the server from now on. */
  follow(): void {
    this.#requests.follow()
    this.#uses.follow()
  }
}
