import type { Call } from './call.ts'

/** Calls to send later, in the order in which they were made. */
export class CallQueue {
  #calls: Call[] = []
  #cause: unknown

  /** Adds a call, usually at the end; one that failed goes before later ones. `cause`: why it was not sent, or failed. */
  add(call: Call, cause: unknown): void {
    call.waits(cause)
    const calls = this.#calls
    let at = calls.length
    while (at > 0 && (calls[at - 1]?.serial ?? 0) > call.serial) at -= 1
    if (at === calls.length) calls.push(call)
    else calls.splice(at, 0, call)
    // Settled calls need not be kept until there is a connection.
    if (calls.length % 1024 === 0) this.#calls = calls.filter(({ isOver }) => !isOver)
  }

  /** Why calls wait, those that are here included; `undefined` if there is no reason yet. */
  get cause(): unknown {
    return this.#cause
  }

  set cause(cause: unknown) {
    this.#cause = cause
    for (const call of this.#calls) call.waits(cause)
  }

  /** Removes and returns all calls. */
  take(): readonly Call[] {
    const calls = this.#calls
    this.#calls = []
    this.#cause = undefined
    return calls
  }
}
