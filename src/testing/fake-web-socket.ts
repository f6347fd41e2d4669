import type { Host, WebSocketLike } from '../api/host.ts'
import type { Payload } from '../api/protocol.ts'
import { isBlob } from '../util/type-tags.ts'
import { type CloseFrame, type Hello, subprotocol } from '../wire/steadfast-v1.ts'
import type { DialAnswer, Door, Receiver, Wire } from './contracts.ts'
import { helloOfToken, readHello } from './hello.ts'

/** A Close frame's reason holds 123 bytes; a session's server puts more than text into it (docs/PROTOCOL.md, rule 9). */
function reasonOf({ reason = '', retryAfterMs }: CloseFrame): string {
  return retryAfterMs === undefined ? reason : JSON.stringify({ reason, retryAfterMs })
}

/**
 * The `WebSocket` of the clients of a fake server. It opens in a microtask; data of the client arrives in a microtask, data of
 * the server before its call returns.
 */
export function fakeWebSocket(door: Door): NonNullable<Host['WebSocket']> {
  return class FakeWebSocket implements WebSocketLike, Wire {
    binaryType: 'arraybuffer' | 'blob' = 'arraybuffer'
    readonly bufferedAmount = 0
    readonly takesBytes = true
    protocol = ''
    readyState: 0 | 1 | 2 | 3 = 0
    onopen: WebSocketLike['onopen'] = null
    onmessage: WebSocketLike['onmessage'] = null
    onerror: WebSocketLike['onerror'] = null
    onclose: WebSocketLike['onclose'] = null
    readonly #url: URL
    readonly #offered: readonly string[]
    #receiver: Receiver | null = null
    /** Keeps the client's data in order, though reading a `Blob` takes a while. */
    #arrival: Promise<void>

    constructor(url: string, subprotocols: readonly string[] = []) {
      this.#url = new URL(url)
      this.#offered = subprotocols
      this.#arrival = this.#later(() => {
        if (this.readyState === 0) this.#dial()
      }, Promise.resolve())
    }

    send(data: string | ArrayBuffer | Blob): void {
      if (this.readyState === 0) throw new DOMException('The WebSocket is still connecting.', 'InvalidStateError')
      if (this.readyState > 1) return
      // As over a real WebSocket, data sent before a close arrives before it.
      this.#arrival = this.#arrival.then(async () => {
        const payload = isBlob(data) ? await data.arrayBuffer() : data
        this.#deliver((receiver) => receiver.received(payload))
      })
    }

    close(code = 1005, reason = ''): void {
      if (this.readyState > 1) return
      this.readyState = 2
      this.#arrival = this.#later(() => {
        if (this.readyState === 3) return
        this.#over(code, reason, true)
        this.#deliver((receiver) => receiver.ended({ by: 'client', code, reason }))
      }, this.#arrival)
    }

    get isLeft(): boolean {
      return this.readyState === 2
    }

    accept(receiver: Receiver): void {
      this.#receiver = receiver
      this.#open()
    }

    refuse(answer: Exclude<DialAnswer, 'accept'>): void {
      if (answer === 'silence') return
      if (typeof answer === 'object' && 'code' in answer) {
        this.#open()
        this.end(answer)
      } else this.cut()
    }

    write(data: Payload): void {
      if (this.readyState === 1) this.onmessage?.({ data })
    }

    end(close: CloseFrame): void {
      // A Close frame has no room for two codes (rule 19).
      if (close.application !== undefined) this.write(`x${JSON.stringify(close)}`)
      if (this.readyState !== 3) this.#over(close.code, reasonOf(close), true)
    }

    cut(): void {
      if (this.readyState === 3) return
      const isOpen = this.readyState === 1
      this.readyState = 3
      // A browser raises `error` for a WebSocket that never opened; for one that breaks Chromium raises `close` only.
      if (!isOpen) this.onerror?.({ type: 'error' })
      this.#over(1006, '', false)
    }

    #dial(): void {
      const token = this.#offered.find((name) => name.startsWith('s.'))
      const subprotocols = this.#offered.filter((name) => name !== token)
      const isSession = subprotocols.includes(subprotocol)
      this.protocol = isSession ? subprotocol : (subprotocols[0] ?? '')
      if (isSession && token === undefined) {
        // A hello that is too long for a header is sent as the first frame.
        this.accept({ received: (data) => this.#announce(readHello(String(data)), subprotocols), ended() {} })
      } else this.#announce(token === undefined ? null : helloOfToken(token), subprotocols)
    }

    #announce(hello: Hello | null, subprotocols: readonly string[]): void {
      const dial = { transport: 'websocket' as const, url: this.#url, headers: {}, subprotocols, auth: hello?.auth }
      door.dialled(dial, this, hello)
    }

    #open(): void {
      if (this.readyState !== 0) return
      this.readyState = 1
      this.onopen?.({ type: 'open' })
    }

    #over(code: number, reason: string, wasClean: boolean): void {
      this.readyState = 3
      this.onclose?.({ code, reason, wasClean })
    }

    #deliver(deliver: (receiver: Receiver) => void): void {
      if (this.#receiver) deliver(this.#receiver)
    }

    #later(run: () => void, before: Promise<void>): Promise<void> {
      return before.then(run).catch((error) => door.report(error))
    }
  }
}
