import { Buffer } from 'node:buffer'
import type { WebSocket } from 'ws'
import type { Ending } from '../server/store/ports.ts'
import { endAfterError } from '../server/util/end-after-error.ts'
import { endOfBackend, endOfSession } from './refusals.ts'
import type { GatewaySettings } from './settings.ts'

/** What the gateway needs of a session. */
export interface CarriedSession {
  readonly unreadBytes: number
  send(data: string | Uint8Array): Promise<boolean>
  drained(maxUnreadBytes: number): Promise<boolean>
  close(code: number, reason: string): Promise<boolean>
}

type BackendSettings = Pick<GatewaySettings<never>, 'host' | 'pingMs' | 'maxUnreadBytes'>

/** The overhead of an unread message, in bytes, counted in addition to its size. */
const overheadBytes = 64
/** Ending a session is retried this often while its store fails, in milliseconds, and this many times. */
const closeAgainMs = 1000
const closeTries = 60
/** The longest interval between two checks whether the session still exists, in milliseconds. */
const maxLookMs = 30_000

const lost: Ending = { by: 'network', code: 1006, reason: '' }

function ignore(): void {}

/** The connection to a backend for one session. Messages pass in both directions, and the end of either side ends the other. */
export class Backend {
  readonly #socket: WebSocket
  readonly #settings: BackendSettings
  #session: CarriedSession | null = null
  /** `waiting`: for its session. `over`: the socket is closed. */
  #phase: 'waiting' | 'carrying' | 'closing' | 'closed' = 'waiting'
  #isPaused = true
  /** Bytes that were given to the session and that the store has not appended yet. */
  #unsentBytes = 0
  #lastSend: Promise<unknown> = Promise.resolve()
  #hasHeard = true
  #pingedAt = 0
  #isTooLarge = false
  #cancelLook = () => {}

  /** @param socket open and paused */
  constructor(socket: WebSocket, settings: BackendSettings) {
    this.#socket = socket
    this.#settings = settings
    socket.on('error', (error) => {
      this.#isTooLarge ||= Reflect.get(error, 'code') === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
    })
    socket.on('close', (code, reason) => this.#closed(code, reason.toString()))
  }

  /** The chosen subprotocol; `''` for none. */
  get protocol(): string {
    return this.#socket.protocol
  }

  get session(): CarriedSession | null {
    return this.#session
  }

  /** Attaches the session, which from now on gets what the backend sends. */
  carry(session: CarriedSession): void {
    this.#session = session
    if (this.#phase !== 'waiting') {
      this.#endSession(session, 1006, '')
      return
    }
    this.#phase = 'carrying'
    const socket = this.#socket
    socket.on('message', (data: Buffer, isBinary) => this.#received(session, isBinary ? data : data.toString()))
    socket.on('pong', () => this.#heard())
    this.#resume()
    this.#pingedAt = this.#settings.host.elapsedMs()
    this.#lookLater(session)
  }

  /** Resolves when the operating system has taken the message, or the backend is gone; only then does the next message follow. */
  send(data: string | ArrayBuffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.readyState === 1) this.#socket.send(data, () => resolve())
      else resolve()
    })
  }

  /** The session has ended: closes the backend's connection. */
  ended(ending: Ending): void {
    if (this.#phase === 'closing' || this.#phase === 'closed') return
    this.#phase = 'closing'
    this.#cancelLook()
    // Resumed, so that its last messages are read and dropped, and its Close frame is received.
    this.#socket.resume()
    this.#socket.close(...endOfBackend(ending))
  }

  /** Ends the connection at once. */
  terminate(): void {
    this.#cancelLook()
    this.#socket.terminate()
  }

  #received(session: CarriedSession, data: string | Uint8Array): void {
    if (this.#phase !== 'carrying') return
    this.#heard()
    const bytes = (typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength) + overheadBytes
    this.#unsentBytes += bytes
    this.#lastSend = session
      .send(data)
      .then(
        () => {
          this.#unsentBytes -= bytes
        },
        // The store has failed and reported it; the message is lost. A hole in a stream of bytes ends it.
        () => this.#broken(session),
      )
      .catch((error) => this.#settings.host.report(error))
    if (!this.#isPaused && session.unreadBytes + this.#unsentBytes > this.#settings.maxUnreadBytes) this.#pause(session)
  }

  #heard(): void {
    this.#hasHeard = true
  }

  #broken(session: CarriedSession): void {
    if (this.#phase !== 'carrying') return
    this.#phase = 'closing'
    // First, since it must end even if the socket throws.
    this.#endSession(session, 1006, '')
    this.terminate()
  }

  /** Back-pressure: the client reads too slowly. The backend is not read from until the unread bytes are down to half. */
  #pause(session: CarriedSession): void {
    this.#isPaused = true
    this.#socket.pause()
    this.#lastSend
      .then(() => session.drained(this.#settings.maxUnreadBytes / 2))
      .then(
        (isThere) => {
          if (isThere && this.#phase === 'carrying') this.#resume()
        },
        () => this.#broken(session),
      )
      .catch((error) => endAfterError(error, this.#settings.host, () => this.#broken(session)))
  }

  #resume(): void {
    this.#isPaused = false
    this.#heard()
    this.#socket.resume()
  }

  /** Checks periodically that both sides are alive. A paused backend cannot be heard, so it is not given up. */
  #lookLater(session: CarriedSession): void {
    const { host, pingMs } = this.#settings
    this.#cancelLook = host.after(Math.min(pingMs, maxLookMs), () => {
      if (this.#phase !== 'carrying') return
      const now = host.elapsedMs()
      const isAsked = now - this.#pingedAt >= pingMs
      if (isAsked && !this.#hasHeard && !this.#isPaused) {
        this.terminate()
        return
      }
      if (isAsked) {
        this.#hasHeard = false
        this.#pingedAt = now
        this.#socket.ping()
      }
      this.#lookLater(session)
      // The store may have lost the session's record without an `onEnd`.
      session
        .drained(Infinity)
        .then((isThere) => isThere || this.ended(lost), ignore)
        .catch((error) => endAfterError(error, host, () => this.terminate()))
    })
  }

  #closed(code: number, reason: string): void {
    const { session } = this
    const phase = this.#phase
    this.#phase = 'closed'
    this.#cancelLook()
    if (phase !== 'carrying' || !session) return
    this.#endSession(session, ...endOfSession(code, reason, this.#isTooLarge))
  }

  /** Ends the session after the last message of the backend. It is retried for a while if the store fails. */
  #endSession(session: CarriedSession, code: number, reason: string): void {
    const { host } = this.#settings
    const tryToEnd = (tries: number) => {
      session.close(code, reason).then(undefined, () => {
        if (tries < closeTries) host.after(closeAgainMs, () => tryToEnd(tries + 1))
      })
    }
    this.#lastSend.then(() => tryToEnd(1)).catch((error) => host.report(error))
  }
}
