import { type CloseFrame, codes } from '../../wire/steadfast-v1.ts'
import type { NodeContext } from '../node/node-context.ts'
import { authenticatedUntil, CredentialCheck, maxLeadMs } from '../session/credential-check.ts'
import type { Principal } from '../session/session-handle.ts'
import type { SessionRecord } from '../store/ports.ts'
import { endAfterError } from '../util/end-after-error.ts'

/** Authenticates the client again, with its fresh credentials. Never rejects. */
export type Reauthenticate = (auth: unknown) => Promise<Principal | CloseFrame>

/** The session whose principal is authenticated. */
export interface AuthenticatedSession {
  readonly record: SessionRecord
  /** The client has been authenticated again. */
  authenticated(principal: Principal): void
}

/** The attachment whose client has to authenticate again. */
export interface ReauthenticatedAttachment {
  readonly isOver: boolean
  /**
   * `null` if the credentials never expire, or if the client cannot send over the carrier: then it sends fresh ones in its next
   * hello.
   */
  readonly reauthenticate: Reauthenticate | null
  readonly session: { readonly node: NodeContext; readonly processor: AuthenticatedSession }
  write(frame: string): void
  end(close: CloseFrame): void
}

/** When to ask a client for fresh credentials, by the node's monotonic time; `Infinity` for never. */
export function askAt(session: ReauthenticatedAttachment['session']): number {
  const { node } = session
  return node.elapsedMs() + untilOf(session) - node.sessions.now() - maxLeadMs
}

/** Checks an open attachment's credentials; `current` is the last result, `null` at first and if they never expire. */
export function checkCredentials(
  attachment: ReauthenticatedAttachment,
  current: Reauthentication | null,
): Reauthentication | null {
  const until = untilOf(attachment.session)
  if (until === Infinity) return current
  const reauthentication = current ?? new Reauthentication(attachment)
  reauthentication.tick(until)
  return reauthentication
}

function untilOf({ node, processor }: ReauthenticatedAttachment['session']): number {
  const { host, sessions, settings } = node
  return authenticatedUntil(processor.record, sessions.now() - host.now(), settings.reauthenticateMs)
}

/** Asks the client of one open attachment for fresh credentials in time, and ends the attachment if the client sends none. */
export class Reauthentication {
  readonly #attachment: ReauthenticatedAttachment
  readonly #check = new CredentialCheck()

  constructor(attachment: ReauthenticatedAttachment) {
    this.#attachment = attachment
  }

  /** Called every tick; the credentials are valid until `until`, by the store's clock. */
  tick(until: number): void {
    const attachment = this.#attachment
    const due = this.#check.tick(until, attachment.session.node.sessions.now())
    if (due === 'ask') attachment.write('c{}')
    else if (due === 'end') attachment.end({ code: codes.unauthenticated, reason: 'the credentials have expired' })
  }

  /** The client has sent credentials; they are ignored if it was not asked for any. */
  answered(auth: unknown): void {
    const attachment = this.#attachment
    const { reauthenticate } = attachment
    const { processor, node } = attachment.session
    if (!reauthenticate || !this.#check.isAwaiting) return
    this.#check.answered()
    reauthenticate(auth)
      .then((principal) => {
        if (attachment.isOver) return
        if (!('id' in principal)) attachment.end(principal)
        else if (principal.id !== processor.record.principalId)
          attachment.end({ code: codes.unauthenticated, reason: 'another principal' })
        else processor.authenticated(principal)
      })
      // The client has answered and will not do so again: with another attachment it starts over.
      .catch((error) => endAfterError(error, node.host, () => attachment.end({ code: codes.internal, reason: 'internal error' })))
  }
}
