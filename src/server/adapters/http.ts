import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CloseFrame, codes, subprotocol } from '../../wire/steadfast-v1.ts'
import { type ClientHello, readHello } from '../delivery/parse-frames.ts'
import type { Attaching } from '../session/attach-request.ts'
import type { Principal } from '../session/session-handle.ts'
import { detachedText } from '../util/payload.ts'
import { isThenable } from '../util/thenable.ts'
import type { AccessControl, Address } from './access-control.ts'
import { AttemptLedger } from './attempt-ledger.ts'
import { ByteBudget } from './byte-budget.ts'
import { anybody, corsOf, preflight } from './cors.ts'
import { isGone, refuseRequest, sendJson, sendProblem } from './finish-response.ts'
import { GivenBody } from './given-body.ts'
import { HeldSockets } from './held-sockets.ts'
import { type AnswerCarrier, type OnAnswered, StreamCarrier, WholeCarrier } from './http-carriers.ts'
import { AddressLimit, type OriginVerdict } from './origin.ts'
import { givenText, UnreadableBody } from './parsed-body.ts'
import { PipelinedRequests } from './pipelined-requests.ts'
import { type Body, BodyReader, type BodySource } from './request-body.ts'
import { TokenBucket } from './token-bucket.ts'
import { UnfinishedHellos } from './unfinished-hellos.ts'

/** Diagnosis requests per second, for all clients of unknown address together; each known address has a fifth of it. */
const diagnosesPerSecond = 50
/** The most bytes of all incompletely received hellos. */
const maxUnfinishedBytes = 8_388_608

/** Handles the HTTP requests of SSE, long-poll, poll and sending: all four are one kind of request. */
export class HttpHandler {
  readonly #access: AccessControl
  readonly #pipelined: PipelinedRequests
  readonly #sockets = new HeldSockets()
  readonly #unfinished = new UnfinishedHellos(maxUnfinishedBytes)
  readonly #answers: ByteBudget
  readonly #diagnoses: TokenBucket
  readonly #diagnosesOf = new AddressLimit(diagnosesPerSecond / 5)
  #hasReportedBody = false

  constructor(access: AccessControl) {
    const { host, node } = access.settings
    const { maxAnswerBytes, answerBytesPerClient } = node.limits
    this.#access = access
    this.#pipelined = new PipelinedRequests(host.after)
    this.#answers = new ByteBudget(maxAnswerBytes, answerBytesPerClient)
    this.#diagnoses = new TokenBucket(diagnosesPerSecond, 2 * diagnosesPerSecond, host.elapsedMs())
  }

  /** Answers a request, and never throws; `body` is the body from a body parser. */
  handle(request: IncomingMessage, response: ServerResponse, body?: unknown): void {
    // An `error` event without a listener ends the process.
    request.on('error', () => {})
    response.on('error', () => {})
    this.#pipelined.take(request, response, () => {
      this.#sockets.hold(request, response)
      this.#handle(request, response, body)
        .catch((error) => this.#failed(request, response, error))
        // A library may have replaced a method of the response by one that throws.
        .catch(() => response.destroy())
    })
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { host } = this.#access.settings
    const isOfBody = error instanceof UnreadableBody
    // Every request would report the same error.
    if (!isOfBody || !this.#hasReportedBody) host.report(error)
    this.#hasReportedBody ||= isOfBody
    const reason = isOfBody ? error.advice : 'internal error'
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (!response.hasHeader('Access-Control-Allow-Origin')) response.setHeader('Access-Control-Allow-Origin', '*')
    refuseRequest(request, response, host.after, { code: codes.internal, reason })
  }

  async #handle(request: IncomingMessage, response: ServerResponse, given: unknown): Promise<void> {
    const access = this.#access
    const { host } = access.settings
    const address = access.addressOf(request)
    const judged = access.checkOrigin(request)
    const origin = isThenable(judged) ? await judged : judged
    if (request.method === 'OPTIONS') {
      preflight(response, origin, host)
      return
    }
    const client = access.clientOf(request)
    const diagnosed = AttemptLedger.attemptOf(address.query, 'diagnose')
    const isDiagnosis = request.method === 'GET' && diagnosed !== null
    for (const [name, value] of Object.entries(isDiagnosis ? anybody : corsOf(origin)))
      if (value !== undefined) response.setHeader(name, value)
    if (isDiagnosis) {
      this.#diagnose(client, response, diagnosed)
      return
    }
    const attempt = AttemptLedger.attemptOf(address.query, 'attempt')
    access.ledger.note(attempt, { sawRequest: true }, client)
    const refuse = (close: CloseFrame) => {
      access.ledger.answered(attempt, close.code, close.reason)
      refuseRequest(request, response, host.after, close)
    }
    if (request.method !== 'POST')
      refuse({ code: codes.protocolError, reason: `this is ${subprotocol}: POST a hello, or open a WebSocket` })
    else await this.#post(request, response, { given, address, client, origin, attempt, refuse })
  }

  async #post(
    request: IncomingMessage,
    response: ServerResponse,
    { given, address, client, origin, attempt, refuse }: PostContext,
  ): Promise<void> {
    const access = this.#access
    const refusal = access.refusal(request, address, origin)
    if (refusal) {
      refuse(refusal)
      return
    }
    const source = this.#sourceOf(request, given)
    const first = await source.hello()
    const text = first.type === 'hello' ? first.text : ''
    const hello = readHello(text)
    if (!hello) {
      refuse(refusalOf(first.type))
      return
    }
    access.ledger.broughtHello(attempt)
    const busy = access.addressRefusal(client, hello)
    if (busy) {
      refuse(busy)
      return
    }
    const untimely = access.node.admit(hello)
    if (untimely) {
      refuse(untimely)
      return
    }
    const entry = await access.letIn(request, hello, text.length)
    if ('code' in entry) {
      refuse(entry)
      return
    }
    const names = access.namesOf(client, entry.principal)
    const body = await source.whole(access.bodies.share(names))
    if (!('lines' in body)) {
      refuse(body.type === 'too-many' ? this.#tooMany('too many long bodies at once') : refusalOf(body.type))
      return
    }
    const lines = body.lines.slice(1)
    if (body.type === 'whole' && !hello.send)
      this.#attach(response, { ...entry, address: client }, lines, { attempt, refuse, names })
    else await this.#send(response, hello, entry.principal, lines, { body, attempt, refuse })
  }

  #sourceOf(request: IncomingMessage, given: unknown): BodySource {
    const { host, node } = this.#access.settings
    const { maxBatchBytes, bodyTimeoutMs } = node.limits
    const text = givenText(request, given)
    if (text !== null) return new GivenBody(text, maxBatchBytes)
    const elapsedMs = () => this.#access.node.elapsedMs()
    const limits = { maxBytes: maxBatchBytes, timeoutMs: bodyTimeoutMs, elapsedMs, after: host.after }
    return new BodyReader(request, limits, this.#unfinished)
  }

  #attach(
    response: ServerResponse,
    client: Attaching,
    lines: readonly string[],
    { attempt, refuse, names }: Pick<PostContext, 'attempt' | 'refuse'> & { readonly names: readonly string[] },
  ): void {
    const { node, ledger, settings, carriers } = this.#access
    const [{ hello }, { after }] = [client, settings.host]
    if (isGone(response)) return
    const share = this.#answers.share(names)
    if (hello.wait !== undefined && !share.hasRoom) {
      refuse(this.#tooMany('too many unread responses'))
      return
    }
    if (!carriers.enter(hello.session)) {
      refuse(this.#tooMany('too many attachments'))
      return
    }
    const onAnswered: OnAnswered = (...said) => ledger.answered(attempt, ...said)
    const carrier: AnswerCarrier =
      hello.wait === undefined
        ? new StreamCarrier(response, onAnswered, after)
        : new WholeCarrier(response, onAnswered, after, share)
    response.once('close', () => carriers.leave(hello.session))
    const attachment = node.attach(client, carrier)
    carrier.attachment = attachment
    for (const line of lines) if (line !== '') attachment.receive(detachedText(line))
    response.on('close', () => attachment.ended({ by: 'network', code: 1006, reason: '' }))
  }

  /** Of a truncated body, the complete lines count, though the client does not receive the answer. */
  async #send(
    response: ServerResponse,
    hello: ClientHello,
    principal: Principal,
    lines: readonly string[],
    { body, attempt, refuse }: { readonly body: Body } & Pick<PostContext, 'attempt' | 'refuse'>,
  ): Promise<void> {
    const receipt = await this.#access.node.post(hello, principal, lines)
    if (body.type === 'slow') refuse(refusalOf('slow'))
    else if ('code' in receipt) refuse(receipt)
    else {
      this.#access.ledger.answered(attempt, 'accepted')
      sendJson(response, this.#access.settings.host.after, { steadfast: 'v1', ...receipt })
    }
  }

  #diagnose(client: string | undefined, response: ServerResponse, attempt: string): void {
    const { settings, ledger } = this.#access
    const { host, scope } = settings
    const now = host.elapsedMs()
    const isLate = client === undefined ? !this.#diagnoses.take(now) : !this.#diagnosesOf.take(client, now)
    if (isLate) sendProblem(response, host.after, this.#tooMany('too many questions'))
    else
      sendJson(response, host.after, {
        steadfast: 'v1',
        scope: ledger.isComplete ? scope : 'node',
        ...ledger.of(attempt),
      })
  }

  #tooMany(reason: string): CloseFrame {
    return { code: codes.tooMany, reason, retryAfterMs: this.#access.node.pauseMs() }
  }
}

interface PostContext {
  readonly given: unknown
  readonly address: Address
  readonly client: string | undefined
  readonly origin: OriginVerdict
  readonly attempt: string | null
  refuse(close: CloseFrame): void
}

function refusalOf(wrong: 'hello' | 'no-hello' | 'broken' | 'slow' | 'too-large' | 'malformed'): CloseFrame {
  if (wrong === 'malformed') return { code: codes.protocolError, reason: 'a malformed body, or too many lines' }
  if (wrong === 'too-large') return { code: codes.tooLarge, reason: 'the batch is too large' }
  if (wrong === 'slow') return { code: codes.silent, reason: 'the body came too slowly' }
  return { code: codes.protocolError, reason: `no hello of ${subprotocol}` }
}
