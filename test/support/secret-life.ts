import type { Preparation, PrepareAttempt } from '../../src/api/options.ts'
import type { Payload } from '../../src/api/protocol.ts'
import { RealtimeClient } from '../../src/index.ts'
import { linesOf } from '../../src/server/adapters/body-lines.ts'
import { session } from '../../src/session/index.ts'
import { HandSocket, openFrame } from './hand-network.ts'
import { manualPage } from './manual-host.ts'
import { seeded } from './seeded.ts'

const statuses = [200, 200, 201, 204, 400, 401, 403, 404, 426, 429, 500, 503]
const types = ['text/html; boundary=', 'text/event-stream; x=', 'application/', 'application/json; x=', 'image/', '']
const closeCodes = [1000, 1001, 1005, 1006, 1006, 1008, 1012, 4000, 4400, 4401, 4410, 4429, 4503]

/** A random scenario, drawn from a seed, in which every text that can be set is a secret. */
export interface Life {
  readonly seed: number
  readonly isSession: boolean
  readonly secrets: readonly string[]
}

/** A client after some minutes of such a scenario, and the secrets that it generated itself. */
export interface Lived {
  readonly client: RealtimeClient<Payload, string>
  readonly ids: readonly string[]
}

/** Runs the scenario: every text of the server, the page and the application is a secret. */
export async function live({ seed, isSession, secrets }: Life): Promise<Lived> {
  const random = seeded(seed)
  const page = manualPage({ random: 0.5 })
  const sockets: HandSocket[] = []
  const ids: string[] = []
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  const secret = () => pick(secrets)
  const failure = () => pick([new TypeError(secret()), Object.assign(new Error(secret()), { name: secret() }), secret()])
  const json = (value: object) => JSON.stringify({ ...value, [secret()]: secret() })
  const ledger = () => {
    const word = () => pick([secret(), true, false, null, 'all', 'node', 'accepted'])
    const saw = { scope: word(), sawRequest: word(), sawUpgrade: word(), verdict: word() }
    return json({ steadfast: 'v1', ...saw, offeredProtocols: [secret()], answeredAt: secret() })
  }
  const lastEnd = () => ({ by: pick(['server', 'client', 'network'] as const), code: pick(closeCodes), reason: secret() })
  const opening = () => openFrame({ epoch: secret(), resumed: random() < 0.5, ...(random() < 0.5 && { lastEnd: lastEnd() }) })
  const frames = () => [opening(), `m0.1:${secret()}`, `x${json({ code: pick(closeCodes), reason: secret() })}`, secret()]
  const problem = () => json({ steadfast: 'v1', code: pick([4401, 4410, 4503, secret()]), reason: secret(), status: 503 })

  const url = `https://${secret()}:${secret()}@api.example/realtime/${secret()}?token=${secret()}`
  const subprotocols = isSession ? {} : { subprotocols: [secret()] }
  const client = new RealtimeClient<Payload, string>(url, {
    protocol: isSession ? session() : 'plain',
    transports: [
      { type: 'websocket', ...subprotocols },
      ...['sse' as const, { type: 'long-poll', url: `/realtime/${secret()}` } as const],
      { type: 'poll', intervalMs: 1000 },
    ],
    prepare,
    codec: { encode: (value) => value, decode: (data) => (random() < 0.2 ? thrown() : data) },
    host: {
      ...page.host,
      fetch: answered,
      WebSocket: socketClass(),
      pageOrigin: 'https://app.example',
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    },
  })
  for (let step = 0; step < 12; step += 1) {
    if (client.state.status === 'closed') client.connect()
    if (random() < 0.4) client.send(secret())
    if (random() < 0.1) page.forbid(`${pick(['wss', 'https'])}://api.example/${secret()}`)
    if (random() < 0.1) page.signal(pick(['online', 'offline', 'visible', 'hidden', 'resume'] as const))
    const socket = sockets.at(-1)
    if (socket && random() < 0.7) play(socket)
    await page.pass(pick([0, 10, 600, 5000, 31_000]))
  }
  void client.close(4001, secret())
  await page.pass(10_000)
  return { client, ids }

  function thrown(): never {
    throw failure()
  }

  function prepare({ transport }: PrepareAttempt): Preparation {
    if (random() < 0.2) throw failure()
    const query = { [secret()]: secret() }
    const url = random() < 0.3 && `https://api.example/${secret()}?key=${secret()}`
    const more = isSession ? { auth: { token: secret() } } : { headers: { 'X-Token': secret() }, greeting: secret() }
    return { query, ...more, ...(url && { url }), ...(transport === 'websocket' && !isSession && { subprotocols: [secret()] }) }
  }

  function socketClass() {
    return class extends HandSocket {
      constructor(url: string, offered?: string[]) {
        super(url, offered)
        if (random() < 0.1) throw failure()
        ids.push(this.url.searchParams.get('attempt') ?? '')
        if (isSession) ids.push(this.hello.session)
        sockets.push(this)
      }
    }
  }

  function play(socket: HandSocket): void {
    if (random() < 0.6) socket.accept(pick(['steadfast.v1', 'steadfast.v1', secret()]))
    if (random() < 0.6) socket.say(pick([opening(), secret()]), ...frames())
    if (random() < 0.5) socket.onerror?.(new Event('error'))
    const reason = pick([secret(), json({ reason: secret(), retryAfterMs: 10 })])
    if (random() < 0.7) socket.end(pick(closeCodes), reason, random() < 0.5)
  }

  async function answered(address: string, { body, method }: RequestInit): Promise<Response> {
    const url = new URL(address)
    ids.push(url.searchParams.get('attempt') ?? '', url.searchParams.get('diagnose') ?? '')
    if (isSession && method === 'POST') ids.push(JSON.parse(linesOf(String(body))?.[0] ?? '').session)
    const dice = random()
    if (dice < 0.2) throw failure()
    if (dice < 0.25) return new Promise(() => {})
    if (dice < 0.5) return new Response(stream(), { headers: { 'Content-Type': 'text/event-stream' } })
    if (dice < 0.6) return new Response(ledger(), { headers: { 'Content-Type': 'application/json' } })
    const status = pick(statuses)
    const headers = { 'Content-Type': pick(types) + secret(), 'X-Token': secret(), 'Retry-After': pick(['1', secret()]) }
    if (dice < 0.75) return new Response(problem(), { status: 503, headers: { 'Content-Type': 'application/problem+json' } })
    return new Response(status === 204 ? null : pick([`<p>${secret()}`, secret(), problem(), ledger()]), { status, headers })
  }

  /** An event stream with one of the possible ends. */
  function stream(): ReadableStream<Uint8Array> {
    const events = isSession ? frames() : [secret(), secret()]
    const text = events.map((data) => `id: ${secret()}\nevent: ${secret()}\ndata: ${data}\n\n`).join('')
    return new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(random() < 0.3 ? text.slice(0, -9) : text))
        const ending = random()
        if (ending < 0.4) controller.close()
        else if (ending < 0.7) controller.error(failure())
      },
    })
  }
}
