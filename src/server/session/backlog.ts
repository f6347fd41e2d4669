import type { Limits } from '../limits.ts'

/** What a message costs beside its bytes while it waits. */
export const overheadBytes = 64

type Bounds = Pick<Limits, 'unhandledBytesPerPrincipal' | 'unhandledBytesPerNode'>

/** So much of what may wait on a node is kept for those of whom no more waits than the little. */
const reserve = 1 / 4
const little = 1 / 4096

/**
 * What waits for the handlers of a node, over all its sessions. A part of it is kept for those of whom little waits, so that
 * they find room though others fill it.
 */
export class Backlog {
  readonly bounds: Bounds
  /** Whether principals are told apart; where they are not, each session stands for itself. */
  readonly #isByPrincipal: boolean
  readonly #shares = new Map<string, Share>()
  bytes = 0

  constructor(bounds: Bounds, isByPrincipal: boolean) {
    this.#isByPrincipal = isByPrincipal
    this.bounds = bounds
  }

  /** What waits of one principal's sessions. `leave` is to be called when it is needed no more. */
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

/** What waits of one principal. */
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

  /** Whether so much more may wait. A message alone may where nothing else waits, however large it is. */
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
