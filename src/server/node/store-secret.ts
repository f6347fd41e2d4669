import { createHmac } from 'node:crypto'
import { holderRecord } from '../presence/members.ts'
import type { SessionStore } from '../store/ports.ts'
import type { ServerHost } from './host.ts'

/** The store's id of the record. No client can have a session of this id. */
const recordId = 'secret of the nodes'
/** How long the store keeps the secret after a node has last read it, and for how long a node uses it, in milliseconds. */
const keptMs = 86_400_000
const usedMs = 3_600_000
/** The length of a signature: 96 bits in base64url. */
export const signatureLength = 16

interface KnownSecret {
  readonly secret: string
  /** The id of the store that held it. */
  readonly store: string | null
  readonly until: number
}

/**
 * A secret that all nodes of a store share. With it a node recognizes what another node has given to a client, without keeping or
 * looking up anything for each client. A store that was created anew has another one.
 */
export class StoreSecret {
  readonly #sessions: Pick<SessionStore, 'id' | 'now' | 'read' | 'write' | 'renew'>
  readonly #host: Pick<ServerHost, 'randomId'>
  #known: KnownSecret | null = null
  #loading: Promise<KnownSecret> | null = null

  constructor(sessions: Pick<SessionStore, 'id' | 'now' | 'read' | 'write' | 'renew'>, host: Pick<ServerHost, 'randomId'>) {
    this.#sessions = sessions
    this.#host = host
  }

  /** The signature of a text; rejects if the store does not answer. */
  async sign(text: string): Promise<string> {
    const { secret } = this.#current() ?? (await this.#load())
    return createHmac('sha256', secret).update(text).digest('base64url').slice(0, signatureLength)
  }

  #current(): KnownSecret | null {
    const known = this.#known
    const sessions = this.#sessions
    return known && known.store === sessions.id && known.until > sessions.now() ? known : null
  }

  #load(): Promise<KnownSecret> {
    this.#loading ??= this.#readOrMake().finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  async #readOrMake(): Promise<KnownSecret> {
    const sessions = this.#sessions
    for (;;) {
      const [now, expiresAt] = [sessions.now(), sessions.now() + keptMs]
      const stored = await sessions.read(recordId)
      const secret = stored ? secretIn(stored.record.data) : `${this.#host.randomId()}${this.#host.randomId()}`
      const isStored = stored
        ? (await sessions.renew([recordId], expiresAt))[0] !== null
        : (await sessions.write(recordId, holderRecord('secret', { secret }), null, expiresAt)) !== null
      // Otherwise another node was first, or the record has just expired.
      if (!isStored) continue
      this.#known = { secret, store: sessions.id, until: now + usedMs }
      return this.#known
    }
  }
}

/** Only this file writes such records. */
function secretIn(data: unknown): string {
  return (data as { readonly secret: string }).secret
}
