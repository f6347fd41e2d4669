import { checkClose } from '../session/check-close.ts'
import type { Session } from '../session/session-handle.ts'
import type { SessionStore } from '../store/ports.ts'
import { mustBeWellFormed } from '../util/option-checks.ts'
import { partsOf } from '../util/parts.ts'
import { kindOf } from '../util/payload.ts'

/** How many sessions of a principal are read, ended or written to at the same time. */
const atOnce = 50

/** All sessions of one principal, on any node. */
export class PrincipalSessions {
  readonly #sessions: Pick<SessionStore, 'sessionsOf'>
  readonly #session: (id: string) => Promise<Session | null>

  constructor(sessions: Pick<SessionStore, 'sessionsOf'>, session: (id: string) => Promise<Session | null>) {
    this.#sessions = sessions
    this.#session = session
  }

  async of(principalId: string): Promise<readonly Session[]> {
    checkId(principalId, 'sessionsOf')
    const found: Session[] = []
    await this.#each(principalId, async (session) => {
      found.push(session)
      return true
    })
    return found
  }

  end(principalId: string, code?: number, reason?: string): Promise<number> {
    checkId(principalId, 'end')
    checkClose(code, reason, 'end')
    return this.#each(principalId, (session) => session.close(code, reason))
  }

  send(principalId: string, data: unknown): Promise<number> {
    checkId(principalId, 'sendTo')
    return this.#each(principalId, (session) => session.send(data as string))
  }

  /** Resolves with the number of sessions for which `act` succeeded. */
  async #each(principalId: string, act: (session: Session) => Promise<boolean>): Promise<number> {
    const ids = await this.#sessions.sessionsOf(principalId)
    let count = 0
    for (const some of partsOf(ids, atOnce)) {
      const done = await Promise.all(
        some.map(async (id) => {
          const session = await this.#session(id)
          // The id may belong to another session by now.
          return session?.principal.id === principalId && (await act(session))
        }),
      )
      count += done.filter(Boolean).length
    }
    return count
  }
}

function checkId(principalId: unknown, name: string): void {
  if (typeof principalId !== 'string')
    throw new TypeError(`RealtimeServer: ${name}() takes the id of a principal, a string; it was ${kindOf(principalId)}.`)
  mustBeWellFormed(principalId, `the principal's id of ${name}()`)
}
