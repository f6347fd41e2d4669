import type { Host } from '../api/host.ts'
import { hostWith } from '../host/browser.ts'
import { closeArgumentsOf, protocolsOf } from '../socket/arguments.ts'
import { defineHandlers } from '../socket/event-handlers.ts'
import { closeEvent, messageEvent } from '../socket/events.ts'
import { Ladder } from './ladder.ts'
import { LazyEventTarget } from './lazy-event-target.ts'
import { type SockJSOptions, type SockJSTransport, settingsOf } from './sockjs-options.ts'

const [connecting, open, closing, closed] = [0, 1, 2, 3] as const

/** An event handler; bivariant, so that handlers of a narrower event fit, as STOMP clients declare them. */
type Handler<Told> = { handle(event: Told): unknown }['handle'] | null

/** The members of `message`, in addition to those of every event. */
export interface SockJSMessageEvent {
  readonly type: string
  readonly data: string
}

/** The members of `close`, in addition to those of every event. */
export interface SockJSCloseEvent {
  readonly type: string
  /**
   * The server's code, or that of `close()`; 1002 if no SockJS server answers, 2000 if no transport opens, 1006 if an open
   * connection is lost.
   */
  readonly code: number
  readonly reason: string
  readonly wasClean: boolean
}

/**
 * A connection to a SockJS server, as a replacement for the class of sockjs-client. It uses the first transport that opens, and
 * ends once and for good, with one `close`; for reconnects and diagnosis see `sockjs()`.
 *
 * @example
 * const client = new Client({ webSocketFactory: () => new SockJS('/ws') })
 */
export class SockJS extends LazyEventTarget {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSING: 2
  declare static readonly CLOSED: 3

  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSING: 2
  declare readonly CLOSED: 3
  declare onopen: Handler<Event>
  declare onmessage: Handler<SockJSMessageEvent>
  declare onclose: Handler<SockJSCloseEvent>
  /** Called before `close` if no transport could be opened. */
  declare onerror: Handler<Event>
  /** Called for each heartbeat of the server. */
  declare onheartbeat: Handler<Event>

  readonly #url: URL
  readonly #ladder: Ladder
  #state: 0 | 1 | 2 | 3 = connecting
  #transport: SockJSTransport | null = null

  /**
   * @param url the URL of the service: http(s), or relative to the page
   * @param protocols subprotocols, which SockJS does not have; checked as sockjs-client does, and not used
   * @throws TypeError for an invalid option
   * @throws DOMException (SyntaxError) for an invalid URL, or for another scheme
   * @throws DOMException (SecurityError) for an http URL in a page loaded over https
   */
  constructor(url: string | URL, protocols?: string | readonly string[] | null, options: SockJSOptions = {}) {
    super()
    const host = hostWith(options?.host)
    this.#url = serviceUrl(url, host)
    if (protocols !== undefined && protocols !== null && protocols !== '') protocolsOf(protocols, 'SockJS')
    this.#ladder = new Ladder(this.#url, settingsOf(options ?? {}, host), host, {
      opened: (transport) => {
        this.#transport = transport
        this.#state = open
        this.dispatchEvent(new Event('open'))
      },
      received: (text) => {
        if (this.#state === open) this.dispatchEvent(messageEvent(text, this.#url.origin))
      },
      heartbeat: () => {
        this.dispatchEvent(new Event('heartbeat'))
      },
      ended: (end) => {
        const hasFailed = this.#state === connecting
        this.#state = closed
        if (hasFailed) this.dispatchEvent(new Event('error'))
        this.dispatchEvent(closeEvent({ ...end, diagnosis: null }))
      },
    })
  }

  /** The resolved URL of the service. */
  get url(): string {
    return this.#url.href
  }

  get readyState(): 0 | 1 | 2 | 3 {
    return this.#state
  }

  /** The transport that opened; `null` before that. */
  get transport(): SockJSTransport | null {
    return this.#transport
  }

  get protocol(): '' {
    return ''
  }

  get extensions(): '' {
    return ''
  }

  /**
   * Sends a text; any other value is converted to one. After the end it does nothing.
   * @throws DOMException (InvalidStateError) before `open`
   */
  send(data: string): void {
    if (this.#state === connecting)
      throw new DOMException('SockJS: send() has to wait for `open`; it is still connecting.', 'InvalidStateError')
    if (this.#state === open) this.#ladder.send(`${data}`)
  }

  /**
   * Ends the connection after the queued texts were sent; the event `close` has this code and reason. Over HTTP the server gets
   * neither.
   * @param code 1000, or from 3000 to 4999. @defaultValue 1000
   * @param reason at most 123 bytes. @defaultValue 'Normal closure'
   * @throws DOMException (InvalidAccessError) for another code, DOMException (SyntaxError) for a longer reason
   */
  close(code?: number, reason?: string): void {
    const end = closeArgumentsOf(code, reason)
    if (this.#state >= closing) return
    this.#state = closing
    this.#ladder.close(end.code ?? 1000, end.reason || 'Normal closure')
  }
}

defineHandlers(SockJS.prototype, ['open', 'message', 'close', 'error', 'heartbeat'])
for (const [name, value] of Object.entries({ CONNECTING: connecting, OPEN: open, CLOSING: closing, CLOSED: closed }))
  for (const owner of [SockJS, SockJS.prototype]) Object.defineProperty(owner, name, { value, enumerable: true })

function serviceUrl(given: unknown, { baseUrl, pageOrigin }: Host): URL {
  const url = parsed(given, baseUrl)
  if (!/^https?:$/.test(url.protocol))
    throw syntaxError(`the URL's scheme must be 'http' or 'https'; it was '${url.protocol.slice(0, -1)}'`)
  if (url.protocol === 'http:' && pageOrigin?.startsWith('https:') && !isLoopback(url.hostname))
    throw new DOMException('SockJS: a page that came over https may connect to https alone.', 'SecurityError')
  url.hash = ''
  return url
}

function parsed(given: unknown, base: string | undefined): URL {
  try {
    return new URL(`${given}`, base)
  } catch {
    const hint = base === undefined ? '; where there is no page it must be absolute' : ''
    throw syntaxError(`the URL '${given}' is invalid${hint}`)
  }
}

function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

function syntaxError(what: string): DOMException {
  return new DOMException(`SockJS: ${what}.`, 'SyntaxError')
}
