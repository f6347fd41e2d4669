import type { Limits } from './limits.ts'

/** What a message costs beside its bytes while it waits. */
export const overheadBytes = 64

type Bounds = Pick<Limits, 'unhandledBytesPerPrincipal' | 'unhandledBytesPerNode'>

/**
 * What waits for the handlers of a node, over all its sessions. Nobody may have more waiting than is still free, so that
 * however many fill it, there is room for whoever comes next.
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
    const isAlone = messages === 1
    const own = this.#bytes + bytes
    if (own > this.#maxBytes && !(isAlone && this.#bytes === 0)) return false
    return own <= bounds.unhandledBytesPerNode - inAll || (isAlone && inAll === 0)
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
