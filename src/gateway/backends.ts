import type { Message } from '../server/handlers.ts'
import type { AnyPrincipal, Session } from '../server/session/session-handle.ts'
import type { SessionAnswer, SessionOffer } from '../server/session-offer.ts'
import type { Ending } from '../server/store/ports.ts'
import { Backend } from './backend.ts'
import { dial } from './dial.ts'
import { refusals } from './refusals.ts'
import type { GatewaySettings } from './settings.ts'

/** A session as the gateway's handlers get it. */
type Carried<Who extends AnyPrincipal> = Session<Who, unknown>

/** The close code for the sessions of a gateway that closes: Service Restart (RFC 6455, IANA's registry). */
const restarting = 1012

/** The backends of one gateway, by session id. They implement the handlers of its server. */
export class Backends<Who extends AnyPrincipal> {
  readonly #settings: GatewaySettings<Who>
  /** Backends whose session does not exist yet, and backends with one. */
  readonly #waiting = new Map<string, Backend>()
  readonly #carrying = new Map<string, Backend>()
  /** The origins of backends that are reported as unreachable. */
  readonly #outages = new Set<string>()
  #isClosing = false

  constructor(settings: GatewaySettings<Who>) {
    this.#settings = settings
  }

  /** The number of connected backends. */
  get size(): number {
    return this.#waiting.size + this.#carrying.size
  }

  async accept(offer: SessionOffer<Who>): Promise<SessionAnswer> {
    if (this.#isClosing) return refusals.closing
    if (!offer.isSocket) return refusals.noSocket
    const socket = await dial(this.#settings, offer, this.#outages)
    if ('code' in socket) return socket
    const backend = new Backend(socket, this.#settings)
    const giveUp = () => {
      if (this.#waiting.get(offer.id) === backend) this.#waiting.delete(offer.id)
      backend.terminate()
    }
    if (offer.signal.aborted || this.#isClosing) {
      giveUp()
      return refusals.closing
    }
    this.#waiting.set(offer.id, backend)
    offer.signal.addEventListener('abort', giveUp, { once: true })
    return backend.protocol === '' ? null : backend.protocol
  }

  begun(session: Carried<Who>): void {
    const { id } = session
    const backend = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (!backend) {
      // The node that had the backend's connection is gone, and with it the bytes in transit.
      this.#breakOff(session)
      return
    }
    this.#carrying.set(id, backend)
    backend.carry(session)
  }

  received(session: Carried<Who>, { data }: Message): Promise<void> | undefined {
    const backend = this.#carrying.get(session.id)
    if (!backend) this.#breakOff(session)
    return backend?.send(data)
  }

  ended({ id }: Carried<Who>, ending: Ending): void {
    const backend = this.#carrying.get(id)
    this.#carrying.delete(id)
    backend?.ended(ending)
  }

  /** Closes all sessions and their backends when the server closes. */
  async close(): Promise<void> {
    this.#isClosing = true
    const sessions = [...this.#carrying.values()].flatMap(({ session }) => session ?? [])
    await Promise.allSettled(sessions.map((session) => session.close(restarting, 'restarting')))
    // Backends whose session could not be ended in the store.
    for (const backend of [...this.#carrying.values(), ...this.#waiting.values()])
      backend.ended({ by: 'server', code: restarting, reason: '' })
  }

  #breakOff(session: Carried<Who>): void {
    session.close(1006, '').catch((error) => this.#settings.host.report(error))
  }
}
