import type { Limits } from '../limits.ts'

/** The overhead of a waiting message in addition to its bytes, in bytes. */
export const overheadBytes = 64

type Bounds = Pick<Limits, 'unhandledBytesPerPrincipal' | 'unhandledBytesPerNode'>

/** Fractions of the node's limit: `reserve` is kept for principals (or sessions) with at most `little` waiting. */
const reserve = 1 / 4
const little = 1 / 4096

/**
 * The messages that wait for the handlers of a node, over all its sessions. A part of the limit is reserved for principals with
 * few bytes waiting, so that they are still served when others fill the rest.
 */
export class Backlog {
  readonly bounds: Bounds
  /** Whether principals are distinguished; if not, each session counts by itself. */
  readonly #isByPrincipal: boolean
  readonly #shares = new Map<string, Share>()
  bytes = 0

  constructor(bounds: Bounds, isByPrincipal: boolean) {
    this.#isByPrincipal = isByPrincipal
    this.bounds = bounds
  }

  /** The share of one principal's sessions. The caller calls `leave` when it no longer needs the share. */
  of(principalId: string, sessionId: string): Share {
    const holder = this.#isByPrincipal ? principalId : sessionId
    let share = this.#shares.get(holder)
    if (!share) {
      const maxBytes = this.#isByPrincipal ? this.bounds.unhandledBytesPerPrincipal : Infinity
      share = new Share(this, maxBytes, () => this.#shares.delete(holder))
      this.#shares.set(holder, share)
    }
    share.users += 1
    return share
  }
}

/** One principal's waiting messages. */
export class Share {
  users = 0
  #bytes = 0
  readonly #backlog: Backlog
  readonly #maxBytes: number
  readonly #forget: () => void

  constructor(backlog: Backlog, maxBytes: number, forget: () => void) {
    this.#backlog = backlog
    this.#maxBytes = maxBytes
    this.#forget = forget
  }

  /** Whether this many more messages and bytes may wait. A single message may be of any size if no other one waits. */
  fits(messages: number, bytes: number): boolean {
    const { bounds, bytes: inAll } = this.#backlog
    const { unhandledBytesPerNode } = bounds
    const isAlone = messages === 1
    const own = this.#bytes + bytes
    if (own > this.#maxBytes && !(isAlone && this.#bytes === 0)) return false
    const part = own <= little * unhandledBytesPerNode ? 1 : 1 - reserve
    return inAll + bytes <= part * unhandledBytesPerNode || (isAlone && inAll === 0)
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.#backlog.bytes += bytes
  }

  leave(): void {
    this.users -= 1
    if (this.users === 0) this.#forget()
  }
}
