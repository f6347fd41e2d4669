import { createHmac } from 'node:crypto'
import { holderRecord } from '../presence/members.ts'
import type { SessionStore, Watch } from '../store/ports.ts'
import { StoreUnavailableError } from '../store/store-health.ts'
import type { ServerHost } from './host.ts'

/** The id under which the store keeps the record. No client can have a session of this id. */
const recordId = 'secret of the nodes'
/** How long the store keeps the secret after a node has last used it, and how often a node renews that, in milliseconds. */
const keptMs = 86_400_000
const renewEveryMs = 3_600_000
/** The length of a signature: 96 bits in base64url. */
export const signatureLength = 16
/** How often a node tries to read or make the secret before it gives up. */
const maxTries = 10

interface KnownSecret {
  readonly secret: string
  /** The id of the store that held it. */
  readonly store: string | null
  /** The version of its record. */
  readonly version: number
  /** When its expiry has to be renewed, by the store's clock. */
  readonly renewAt: number
}

/**
 * A secret that all nodes of a store share. With it a node recognizes what another node has given to a client, without keeping or
 * looking up anything for each client. A store that was created anew, or has lost its records, has another one.
 */
export class StoreSecret {
  readonly #sessions: Pick<SessionStore, 'id' | 'now' | 'read' | 'write' | 'renew' | 'watch'>
  readonly #host: Pick<ServerHost, 'randomId' | 'report'>
  #known: KnownSecret | null = null
  #loading: Promise<KnownSecret> | null = null
  #watch: Watch | null = null
  /** The version that was announced last, 0 if announcements were missed; `null` if there was none since the last read. */
  #announced: number | null = null

  constructor(
    sessions: Pick<SessionStore, 'id' | 'now' | 'read' | 'write' | 'renew' | 'watch'>,
    host: Pick<ServerHost, 'randomId' | 'report'>,
  ) {
    this.#sessions = sessions
    this.#host = host
  }

  /** The signature of a text, at once if the secret is known; rejects if the store does not answer. */
  sign(text: string): string | Promise<string> {
    const known = this.#known
    if (!known || known.store !== this.#sessions.id) return this.#load().then((loaded) => signed(loaded, text))
    if (known.renewAt <= this.#sessions.now()) this.#load().catch((error) => this.#host.report(error))
    return signed(known, text)
  }

  stop(): void {
    this.#watch?.stop()
  }

  #load(): Promise<KnownSecret> {
    this.#watch ??= this.#watched()
    this.#loading ??= this.#readOrMake().finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  /** The store may have lost the secret, or another node has made one. */
  #watched(): Watch {
    const watch = this.#sessions.watch(recordId, (news) => {
      this.#announced = news && 'version' in news ? news.version : 0
      if (this.#announced !== this.#known?.version) this.#known = null
    })
    // A watch that cannot be established now announces `null` later.
    watch.ready?.catch((error) => this.#host.report(error))
    return watch
  }

  async #readOrMake(): Promise<KnownSecret> {
    const sessions = this.#sessions
    for (let tries = 0; tries < maxTries; tries += 1) {
      const [store, now] = [sessions.id, sessions.now()]
      this.#announced = null
      const stored = await sessions.read(recordId)
      const secret = stored ? secretIn(stored.record.data) : `${this.#host.randomId()}${this.#host.randomId()}`
      const version = stored
        ? (await sessions.renew([recordId], now + keptMs))[0]?.version
        : await sessions.write(recordId, holderRecord('secret', { secret }), null, now + keptMs)
      const isSame = (!stored || stored.version === version) && (this.#announced ?? version) === version
      // Otherwise another node was first, the record has just expired, or the store was created anew in between.
      if (!version || !isSame || (store !== null && store !== sessions.id)) continue
      this.#known = { secret, store: sessions.id, version, renewAt: now + renewEveryMs }
      return this.#known
    }
    throw new StoreUnavailableError('RealtimeServer: the store keeps no secret for its nodes')
  }
}

function signed({ secret }: KnownSecret, text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url').slice(0, signatureLength)
}

/** Only this file writes such records. */
function secretIn(data: unknown): string {
  return (data as { readonly secret: string }).secret
}
