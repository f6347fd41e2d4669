import type { Attachment } from '../../src/server/delivery/attachment.ts'
import type { Carrier, Medium } from '../../src/server/delivery/carrier.ts'
import { readHello } from '../../src/server/delivery/parse-frames.ts'
import type { ServerNode } from '../../src/server/node/node.ts'
import type { Being, Clock } from './clock.ts'
import type { Court } from './violation.ts'

const answerMs = 40

/** Other clients of a node, each with a session of its own, which only answer the server's pings. */
export class IdleClients {
  readonly #clock: Clock
  readonly #being: Being
  readonly #court: Court
  readonly #attached = new Set<Attachment>()
  #count = 0
  #isLeaving = false

  constructor(clock: Clock, being: Being, court: Court) {
    this.#clock = clock
    this.#being = being
    this.#court = court
  }

  static is(sessionId: string): boolean {
    return sessionId.startsWith('idle-')
  }

  join(node: ServerNode, sessions: number, everyMs: number): void {
    for (let index = 0; index < sessions; index += 1)
      this.#clock.after(this.#being, index * everyMs, () => !this.#isLeaving && this.#joinOne(node))
  }

  /** All of them close their clients. */
  leave(): void {
    this.#isLeaving = true
    for (const attachment of this.#attached) attachment.ended({ by: 'client', code: 1000, reason: '' })
    this.#attached.clear()
  }

  #joinOne(node: ServerNode): void {
    this.#count += 1
    const session = `idle-${this.#being.name}-${this.#count}`.padEnd(22, '-').slice(0, 22)
    const hello = readHello(JSON.stringify({ v: 1, session, k: 1, n: 1, turn: 1 }))
    if (!hello) throw new Error('This is no hello.')
    const carrier = new IdleCarrier(() => this.#clock.after(this.#being, answerMs, () => attachment.receive('q')), this.#court)
    const attachment = node.attach({ hello, principal: { id: 'somebody' } }, carrier)
    this.#attached.add(attachment)
  }
}

class IdleCarrier implements Carrier {
  readonly medium: Medium = 'websocket'
  readonly #asked: () => void
  readonly #court: Court

  constructor(asked: () => void, court: Court) {
    this.#asked = asked
    this.#court = court
  }

  write(frame: string | Uint8Array): void {
    if (frame === 'p') this.#asked()
  }

  heartbeat(): void {
    this.#asked()
  }

  isDraining(): boolean {
    return true
  }

  end(close?: { readonly code: number; readonly reason?: string }): void {
    this.#court.must(close?.code !== 4408, 'healthy-hung-up', () => `an idle client that answers is hung up: ${close?.reason}`)
  }
}
