import { linesOf } from '../../src/server/adapters/body-lines.ts'
import type { Attachment } from '../../src/server/delivery/attachment.ts'
import { type ClientHello, readHello } from '../../src/server/delivery/parse-frames.ts'
import type { ServerNode } from '../../src/server/node/node.ts'
import { codes, subprotocol } from '../../src/wire/steadfast-v1.ts'
import { AnswerCarrier, type Overhear, SocketCarrier } from './carriers.ts'
import type { Being } from './clock.ts'
import type { Connection, Door, Network } from './network.ts'
import { listeners } from './page-socket.ts'
import type { Court } from './violation.ts'

type VirtualCarrier = SocketCarrier | AnswerCarrier

/** The most bytes that one read of the logs may add to a socket that was not full: 64 KiB and one long message, as JSON. */
const aboveHighWater = 400_000
const principal = { id: 'somebody' }
const malformed = { code: codes.protocolError, reason: 'malformed hello' }

/** Receives the requests and sockets of the network for a node, as `node:http` and `ws` do for a real one. */
export class NodeDoor implements Door {
  readonly being: Being
  readonly #attached = new Map<Attachment, { readonly carrier: VirtualCarrier; readonly connection: Connection }>()
  readonly #node: ServerNode
  readonly #network: Network
  readonly #socketBytes: number
  readonly #greeted: (greeting: ClientHello) => void
  readonly #overhear: Overhear
  readonly #court: Court

  constructor(
    being: Being,
    node: ServerNode,
    network: Network,
    socketBytes: number,
    greeted: (greeting: ClientHello) => void,
    overhear: Overhear,
    court: Court,
  ) {
    this.being = being
    this.#node = node
    this.#network = network
    this.#socketBytes = socketBytes
    this.#greeted = greeted
    this.#overhear = overhear
    this.#court = court
  }

  upgrade(connection: Connection, _url: URL, protocols: readonly string[]): void {
    const encoded = protocols.find((each) => each.startsWith('s.'))?.slice(2) ?? ''
    const greeting = readHello(Buffer.from(encoded, 'base64url').toString())
    const carrier = new SocketCarrier(connection, this.#network, {
      maxBytes: this.#socketBytes,
      heartbeatMs: this.#node.settings.heartbeatMs,
      court: this.#court,
      overhear: this.#overhear,
    })
    carrier.accept(subprotocol)
    if (!greeting) {
      carrier.end(malformed)
      return
    }
    this.#greeted(greeting)
    const refusal = this.#node.admit(greeting)
    if (refusal) {
      carrier.end(refusal)
      return
    }
    const attachment = this.#attach(connection, carrier, greeting)
    listeners.set(connection, {
      received: (data) => {
        carrier.heard()
        attachment?.receive(data)
      },
      closed: (code, reason) => {
        // The Close frame is answered, as RFC 6455 requires.
        connection.down.push(10, () => connection.page.broke())
        connection.server = null
        attachment?.ended({ by: 'client', code, reason })
      },
    })
  }

  request(connection: Connection): { took(bytes: Uint8Array): void; ended(): void } {
    const decoder = new TextDecoder()
    let text = ''
    let isOver = false
    // Of an aborted request the complete lines are handled.
    const over = (lines: readonly string[]) => {
      if (isOver) return
      isOver = true
      this.#answer(connection, lines)
    }
    connection.server = { broke: () => over(linesOf(text, false) ?? []) }
    return {
      took(bytes) {
        text += decoder.decode(bytes, { stream: true })
      },
      ended: () => over(linesOf(text) ?? []),
    }
  }

  /** Checks the invariants of all attachments; returns the highest number of confirmed attachments of one session. */
  check(court: Court, heartbeatMs: number): number {
    const { clock } = this.#network
    const counts = new Map<string, number>()
    for (const [attachment, { carrier, connection }] of this.#attached) {
      if (attachment.isOver) {
        this.#attached.delete(attachment)
        continue
      }
      if (!carrier.isDraining()) carrier.fullAt = clock.now
      const silentMs = clock.now - Math.max(carrier.wroteAt, carrier.fullAt)
      // The attachment of a session that is ending only waits for the close.
      const mayBeSilent = !attachment.isOpen || carrier.medium === 'answer' || !!attachment.session.processor.record.ended
      court.must(mayBeSilent || silentMs <= heartbeatMs, 'server-silent', () => `#${connection.id} for ${silentMs} ms`)
      const { undelivered } = connection.down
      const most = this.#socketBytes + aboveHighWater
      court.must(undelivered <= most, 'server-floods', () => `${undelivered} bytes wait in #${connection.id}`)
      if (attachment.turn > 0) counts.set(attachment.session.id, (counts.get(attachment.session.id) ?? 0) + 1)
    }
    return Math.max(0, ...counts.values())
  }

  get attachments(): number {
    return [...this.#attached.keys()].filter(({ isOver }) => !isOver).length
  }

  #answer(connection: Connection, [hello = '', ...lines]: readonly string[]): void {
    connection.server = null
    const greeting = readHello(hello)
    const medium = !greeting || greeting.send || greeting.wait !== undefined ? 'answer' : 'stream'
    const carrier = new AnswerCarrier(medium, connection, this.#network, this.#socketBytes, this.#overhear)
    if (!greeting) {
      carrier.end(malformed)
      return
    }
    this.#greeted(greeting)
    const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
    if (bytes > this.#node.settings.limits.maxBatchBytes) {
      carrier.end({ code: codes.tooLarge, reason: 'the body is too large' })
      return
    }
    const refusal = this.#node.admit(greeting)
    if (refusal) {
      carrier.end(refusal)
      return
    }
    if (!greeting.send) {
      this.#attach(connection, carrier, greeting, lines)
      return
    }
    const posted = lines.filter((line) => line !== '')
    this.#node.post(greeting, principal, posted).then((receipt) => {
      if (this.being.state === 'dead') return
      if ('code' in receipt) carrier.end(receipt)
      else carrier.json(200, receipt)
    })
  }

  #attach(
    connection: Connection,
    carrier: VirtualCarrier,
    greeting: ClientHello,
    lines: readonly string[] = [],
  ): Attachment | null {
    const attachment = this.#node.attach({ hello: greeting, principal }, carrier)
    for (const line of lines) if (line) attachment.receive(line)
    this.#attached.set(attachment, { carrier, connection })
    connection.server = { broke: () => attachment.ended({ by: 'network', code: 1006, reason: '' }) }
    connection.down.onRoom = () => attachment.drained()
    return attachment
  }
}
