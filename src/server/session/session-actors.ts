import type { NodeContext } from '../node/node-context.ts'
import type { Payload } from '../store/ports.ts'
import type { SessionCommands } from './commands-port.ts'
import type { Forwarded } from './forwarder.ts'
import { SessionActor } from './session-actor.ts'
import { sessionCommands } from './session-commands.ts'

/** The session actors of one node, by session id: created when anything of a session arrives, dropped when nothing is left. */
export class SessionActors {
  /** Executes the calls of the application's session handles. */
  readonly commands: SessionCommands
  readonly #node: NodeContext
  readonly #actors = new Map<string, SessionActor>()

  constructor(node: NodeContext) {
    this.#node = node
    this.commands = sessionCommands(
      node,
      (id) => this.get(id),
      (id) => this.of(id),
    )
  }

  get size(): number {
    return this.#actors.size
  }

  /** Whether in any session handlers run or are about to, or a client is being admitted. */
  get isBusy(): boolean {
    return [...this.#actors.values()].some(({ isBusy }) => isBusy)
  }

  [Symbol.iterator](): Iterator<SessionActor> {
    return this.#actors.values()
  }

  get(id: string): SessionActor | undefined {
    return this.#actors.get(id)
  }

  /** The actor of a session, created and started if there is none. */
  of(id: string): SessionActor {
    let actor = this.#actors.get(id)
    if (!actor) {
      actor = this.unlisted(id)
      actor.start()
      this.#actors.set(id, actor)
    }
    return actor
  }

  /** An actor for a client that is refused: it is not started and leaves no trace. */
  unlisted(id: string): SessionActor {
    return new SessionActor(id, this.#node, this.commands)
  }

  /** Receives what another node forwards to this one, the session's home. */
  forwarded(data: Payload): void {
    // Only nodes publish to that topic.
    const forwarded = JSON.parse(String(data)) as Forwarded
    const actor = this.get(forwarded.session)
    if (actor?.processor.queue?.isHome && actor.processor.known?.epoch === forwarded.epoch) actor.inbox.forwarded(forwarded)
  }

  /** Called every tick; `storeNow` is of the store's clock. Drops the actors that have nothing left to do. */
  tick(storeNow: number): void {
    const now = this.#node.elapsedMs()
    for (const actor of this.#actors.values()) {
      if (actor.isAtRest(now)) continue
      actor.tick(storeNow)
      if (!actor.isOver) continue
      actor.stop()
      this.#actors.delete(actor.id)
    }
  }

  /** Drops all actors at once; their carriers stay as they are. */
  stop(): void {
    for (const actor of this.#actors.values()) actor.stop()
    this.#actors.clear()
  }
}
