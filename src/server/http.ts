import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { type CloseFrame, codes } from '../protocols/wire.ts'
import { type AnswerCarrier, StreamCarrier, sendJson, sendProblem, type Verdict, WholeCarrier } from './answers.ts'
import { type Body, readBody } from './body.ts'
import { Bucket } from './bucket.ts'
import { type Greeting, readHello } from './client-frames.ts'
import { type Address, type Doorman, isPrincipal } from './doorman.ts'
import { Ledger } from './ledger.ts'
import { linesOf } from './lines.ts'
import type { Principal } from './session.ts'
import { isThenable } from './thenable.ts'
import type { OriginVerdict } from './trust.ts'

const diagnosesPerSecond = 50
/** What is left of a body that nobody reads is let through for so long, so that the answer is not lost with the connection. */
const lingerMs = 1000

const anybody: OutgoingHttpHeaders = { 'Access-Control-Allow-Origin': '*', 'Timing-Allow-Origin': '*' }

/** SSE, long-poll, poll and sending: one handler of one kind of request. */
export class HttpDoor {
  readonly #doorman: Doorman
  readonly #diagnoses: Bucket

  constructor(doorman: Doorman) {
    this.#doorman = doorman
    this.#diagnoses = new Bucket(diagnosesPerSecond, 2 * diagnosesPerSecond, doorman.settings.host.now())
  }

  /** Answers a request, and never throws; `body` is what something in front has read already. */
  handle(request: IncomingMessage, response: ServerResponse, body?: string | Uint8Array): void {
    this.#handle(request, response, body).catch((error) => {
      this.#doorman.settings.host.report(error)
      if (response.headersSent) response.destroy()
      else sendProblem(response, { code: codes.internal, reason: 'internal error' }, anybody)
    })
  }

  async #handle(request: IncomingMessage, response: ServerResponse, given: string | Uint8Array | undefined): Promise<void> {
    const doorman = this.#doorman
    const address = doorman.addressOf(request)
    response.on('error', () => {})
    const judged = doorman.judgeOrigin(request)
    const origin = isThenable(judged) ? await judged : judged
    if (request.method === 'OPTIONS') {
      preflight(response, origin)
      return
    }
    for (const [name, value] of Object.entries(corsOf(origin))) if (value !== undefined) response.setHeader(name, value)
    const diagnosed = Ledger.attemptOf(address.query, 'diagnose')
    if (request.method === 'GET' && diagnosed !== null) {
      this.#diagnose(response, diagnosed)
      return
    }
    const attempt = Ledger.attemptOf(address.query, 'attempt')
    doorman.ledger.note(attempt, { sawRequest: true })
    const refuse = (close: CloseFrame) => {
      doorman.ledger.answered(attempt, close.code)
      refused(request, response, close, doorman)
    }
    if (request.method !== 'POST')
      refuse({ code: codes.protocolError, reason: `this is ${name}: POST a hello, or open a WebSocket` })
    else await this.#post(request, response, { given, address, origin, attempt, refuse })
  }

  async #post(
    request: IncomingMessage,
    response: ServerResponse,
    { given, address, origin, attempt, refuse }: Posted,
  ): Promise<void> {
    const doorman = this.#doorman
    const { host, node } = doorman.settings
    const { maxBatchBytes, bodyTimeoutMs } = node.limits
    const refusal = doorman.refusal(request, address, origin)
    if (refusal) {
      refuse(refusal)
      return
    }
    if (given === undefined && request.readableEnded)
      throw new Error('RealtimeServer: the request had been read before: hand its body to handleRequest() as third argument.')
    const body: Body =
      given === undefined
        ? await readBody(request, maxBatchBytes, bodyTimeoutMs, host)
        : { type: 'whole', lines: linesOf(typeof given === 'string' ? given : new TextDecoder().decode(given)) ?? [] }
    if (body.type === 'too-large') {
      refuse({ code: codes.tooLarge, reason: 'the batch is too large' })
      return
    }
    const [first = '', ...lines] = body.lines
    const greeting = readHello(first)
    if (!greeting) {
      refuse({ code: codes.protocolError, reason: 'no hello of steadfast.v1' })
      return
    }
    const busy = doorman.addressRefusal(request, greeting)
    if (busy) {
      refuse(busy)
      return
    }
    const principal = await doorman.principalOf(request, greeting.auth)
    if (!isPrincipal(principal)) {
      refuse(principal)
      return
    }
    if (body.type === 'whole' && !greeting.send) this.#attach(response, greeting, principal, lines, attempt)
    else await this.#send(response, greeting, principal, lines, { body, attempt, refuse })
  }

  #attach(
    response: ServerResponse,
    greeting: Greeting,
    principal: Principal,
    lines: readonly string[],
    attempt: string | null,
  ): void {
    const { node, ledger } = this.#doorman
    if (response.destroyed) return
    const verdict: Verdict = (said) => ledger.answered(attempt, said)
    const carrier: AnswerCarrier =
      greeting.wait === undefined ? new StreamCarrier(response, verdict) : new WholeCarrier(response, verdict)
    const attachment = node.attach(greeting, principal, carrier)
    carrier.attachment = attachment
    for (const line of lines) if (line !== '') attachment.receive(line)
    response.on('close', () => attachment.ended({ by: 'network', code: 1006, reason: '' }))
  }

  /** Of a body that broke off, the whole lines count, though nobody hears the answer. */
  async #send(
    response: ServerResponse,
    greeting: Greeting,
    principal: Principal,
    lines: readonly string[],
    { body, attempt, refuse }: { readonly body: Body } & Pick<Posted, 'attempt' | 'refuse'>,
  ): Promise<void> {
    const receipt = await this.#doorman.node.post(greeting, principal, lines)
    if (body.type === 'slow') refuse({ code: codes.silent, reason: 'the body came too slowly' })
    else if ('code' in receipt) refuse(receipt)
    else {
      this.#doorman.ledger.answered(attempt, 'accepted')
      sendJson(response, { steadfast: 'v1', ...receipt })
    }
  }

  #diagnose(response: ServerResponse, attempt: string): void {
    const { settings, ledger, node } = this.#doorman
    if (!this.#diagnoses.take(settings.host.now())) {
      sendProblem(response, { code: codes.tooMany, reason: 'too many questions', retryAfterMs: node.pauseMs() }, anybody)
      return
    }
    sendJson(response, { steadfast: 'v1', scope: settings.scope, ...ledger.of(attempt) }, anybody)
  }
}

interface Posted {
  readonly given: string | Uint8Array | undefined
  readonly address: Address
  readonly origin: OriginVerdict
  readonly attempt: string | null
  refuse(close: CloseFrame): void
}

const name = 'steadfast.v1'

/** What lets a page read the answer. A page of an origin that is not on the list may read why it is refused, if it asks without credentials. */
function corsOf(origin: OriginVerdict): OutgoingHttpHeaders {
  if (origin.type === 'no-browser') return {}
  if (origin.type === 'refused') return { ...anybody, Vary: 'Origin' }
  return {
    'Access-Control-Allow-Origin': origin.origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Retry-After',
    'Timing-Allow-Origin': origin.origin,
    Vary: 'Origin',
  }
}

function preflight(response: ServerResponse, origin: OriginVerdict): void {
  const isAllowed = origin.type === 'allowed'
  response
    .writeHead(204, {
      ...corsOf(origin),
      ...(isAllowed
        ? {
            'Access-Control-Allow-Methods': 'GET, POST',
            'Access-Control-Allow-Headers': 'Authorization, Content-Type',
            'Access-Control-Max-Age': '7200',
          }
        : {}),
    })
    .end()
}

/** Answers no, and lets what is still coming of the body pass, for a while. */
function refused(request: IncomingMessage, response: ServerResponse, close: CloseFrame, { settings }: Doorman): void {
  if (request.complete) {
    sendProblem(response, close)
    return
  }
  // In HTTP/2 a connection is more than its request.
  sendProblem(response, close, request.httpVersionMajor > 1 ? {} : { Connection: 'close' })
  request.resume()
  const cancel = settings.host.after(lingerMs, () => request.destroy())
  response.on('close', cancel)
}
