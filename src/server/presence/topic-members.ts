import type { ServerHost } from '../node/host.ts'
import type { SessionStore, Versioned } from '../store/ports.ts'
import { partsOf } from '../util/parts.ts'
import { changed, holderRecord, type MemberChange, recordIdOf, type Stay, staysOf } from './members.ts'

/** How long the store keeps the members of a topic that no node writes or renews, in milliseconds. */
export const membersKeptMs = 86_400_000

/** For how many members a node publishes at a time. */
const publishedAtOnce = 100

/** The node of a topic's members. */
export interface MembersPort {
  readonly sessions: SessionStore
  readonly host: Pick<ServerHost, 'randomId' | 'report'>
  readonly isDown: boolean
  /** Publishes that a member has joined or left, once per stay. */
  publish(topic: string, type: 'join' | 'leave', stay: Stay): Promise<void>
}

/** Writes this node's changes of one topic's members: by compare-and-set, one write for all waiting changes. */
export class TopicMembers {
  readonly topic: string
  readonly #node: MembersPort
  #changes: MemberChange[] = []
  /** Joins that are in the store and not published yet. */
  #joined: readonly Stay[] = []
  #writing: Promise<void> | null = null

  constructor(topic: string, node: MembersPort) {
    this.topic = topic
    this.#node = node
  }

  /** Whether everything is written and published. */
  get isSettled(): boolean {
    return !this.#writing && this.#changes.length === 0 && this.#joined.length === 0
  }

  change(change: MemberChange): void {
    this.#changes.push(change)
    this.settle()
  }

  /** Starts writing the waiting changes, unless a write is in progress; after a failure the node calls it again. */
  settle(): void {
    this.settled().catch((error) => this.#node.host.report(error))
  }

  /** Resolves when all changes are written and published; rejects if the store fails. */
  settled(): Promise<void> {
    this.#writing ??= this.#settle().finally(() => {
      this.#writing = null
    })
    return this.#writing
  }

  async #settle(): Promise<void> {
    while (!this.#node.isDown && (this.#changes.length > 0 || this.#joined.length > 0)) {
      const changes = [...this.#changes]
      const leaving = changes.length > 0 ? await this.#write(changes) : []
      if (!leaving || this.#node.isDown) continue
      this.#changes.splice(0, changes.length)
      await this.#publish(this.#joined, async (stay) => {
        await this.#node.publish(this.topic, 'join', stay)
        // Removed only after it is published: a failure leaves it for the next attempt.
        this.#joined = this.#joined.filter((each) => each !== stay)
      })
      await this.#publish(leaving, async (stay) => {
        // The node that wrote the join may have died before it published it: a leave never precedes its join.
        await this.#node.publish(this.topic, 'join', stay)
        await this.#node.publish(this.topic, 'leave', stay)
        this.#changes.push({ type: 'left', id: stay.id })
      })
    }
  }

  /** Publishes for many members at a time: a thousand round trips to the store, one after the other, would take too long. */
  async #publish(stays: readonly Stay[], publish: (stay: Stay) => Promise<void>): Promise<void> {
    for (const some of partsOf(stays, publishedAtOnce)) {
      if (this.#node.isDown) return
      const failed = (await Promise.allSettled(some.map(publish))).find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
    }
  }

  /** Resolves with the stays whose leave is to be published, or `null` if another node wrote first. */
  async #write(changes: readonly MemberChange[]): Promise<readonly Stay[] | null> {
    const { sessions, host } = this.#node
    const id = recordIdOf(this.topic)
    const current = await sessions.read(id)
    const before = staysOf(current?.record)
    const { stays, joined, leaving } = changed(before, changes)
    if (stays !== before) {
      const isWritten =
        stays.length === 0 && current
          ? await sessions.remove(id, current.version)
          : (await sessions.write(id, recordFor(current, stays, host), current, sessions.now() + membersKeptMs)) !== null
      if (!isWritten) return null
    }
    this.#joined = [...this.#joined, ...joined]
    return leaving
  }
}

function recordFor(current: Versioned | null, stays: readonly Stay[], host: Pick<ServerHost, 'randomId'>) {
  return holderRecord(current?.record.epoch ?? host.randomId(), { stays })
}
