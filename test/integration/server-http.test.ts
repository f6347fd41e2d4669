import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { RealtimeServer } from '../../src/server/index.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { bodyOf, RawSocket, RawStream, randomSession, rawPost, rawSend, until } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'

const origin = 'https://app.example'

/** Sends `text` over a TCP socket, and returns what the server answers. */
async function raw(url: string, text: string, { end = true } = {}): Promise<string> {
  const { port } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(text)
  if (end) socket.end()
  await once(socket, 'close')
  return answer
}

describe('[SP9] refusals over HTTP', () => {
  it.each([
    ['a malformed hello', 'hello', 400, 4400],
    ['another version', { ...hello(), v: 2 }, 400, 4400],
    ['a session id that is too short', { ...hello(), session: 'short' }, 400, 4400],
    ['a malformed cursor', { ...hello(), cursor: '0.x' }, 400, 4400],
    ['a hello that is too large', { ...hello(), auth: 'x'.repeat(70_000) }, 400, 4400],
    ['a hello with refused credentials', { ...hello(), auth: 'nobody' }, 401, 4401],
    ['an authenticate() that throws', { ...hello(), auth: 'throws' }, 500, 4500],
    ['an authenticate() that returns no principal', { ...hello(), auth: 'wrong' }, 500, 4500],
  ])('%s is answered with a problem document', async (_, given, status, code) => {
    await using servers = await RealtimeServers.start({
      options: {
        authenticate(_request, auth) {
          if (auth === 'throws') throw new Error('broken')
          if (auth === 'wrong') return { name: 'no id' } as never
          return auth === 'nobody' ? null : { id: 'ann' }
        },
      },
    })
    const response = await rawPost(servers.url(), typeof given === 'string' ? given : JSON.stringify(given))
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('www-authenticate')).toBeNull()
    const problem = await response.json()
    expect(problem).toMatchObject({ steadfast: 'v1', type: 'about:blank', status, code, title: expect.any(String) })
    expect(JSON.stringify(problem)).not.toContain(hello().session)
    expect(servers.errors).toHaveLength(status === 500 ? 1 : 0)
  })

  function hello() {
    return { v: 1, session: 'sessionsessionsession1', k: 1, n: 1 }
  }

  it.each([
    ['a malformed line', ['M[1,'], 400],
    ['a gap in the message numbers', ['M[5,"x"]'], 400],
    ['bad base64', ['b1:@@@'], 400],
  ])('%s fails only the request that contains it', async (_, lines, status) => {
    await using servers = await RealtimeServers.start()
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    expect(await rawSend(servers.url(), { session }, ...lines)).toMatchObject({ status, code: 4400 })
    expect(await rawSend(servers.url(), { session }, 'M[1,"x"]')).toMatchObject({ status: 200, taken: 1 })
    expect(stream.isOver).toBe(false)
    stream.hangUp()
  })

  it('a URL, a message or a batch that is too large is refused with 413', async () => {
    await using servers = await RealtimeServers.start({ options: { limits: { maxMessageBytes: 100, maxUrlLength: 200 } } })
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    const long = await rawPost(servers.url(), { session }, [], { query: `?attempt=${'x'.repeat(300)}` })
    expect([long.status, (await long.json()).code]).toEqual([413, 4413])
    expect(await rawSend(servers.url(), { session }, `M[1,"${'x'.repeat(101)}"]`)).toMatchObject({ status: 413, code: 4413 })
    const batch = Array.from({ length: 100 }, (_, index) => `M[${index + 1},"${'x'.repeat(50)}"]`)
    expect(await rawSend(servers.url(), { session }, ...batch)).toMatchObject({ status: 413, code: 4413 })
    stream.hangUp()
  })

  it('other methods are refused with 400, and the answer does not contain the query', async () => {
    await using servers = await RealtimeServers.start()
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(`${servers.url()}?attempt=<script>alert(1)</script>`, { method })
      expect(response.status).toBe(400)
      expect(await response.text()).not.toContain('script')
    }
  })

  it('a body that takes longer than bodyTimeoutMs is refused with 503, and its messages can be sent again', async () => {
    await using servers = await RealtimeServers.start({ options: { limits: { bodyTimeoutMs: 200 } } })
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    const body = bodyOf({ session, send: true }, ['M[1,"whole"]', 'M[2,"half'])
    const answer = await raw(servers.url(), `POST /realtime HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n${body}`, {
      end: false,
    })
    expect(answer).toMatch(/^HTTP\/1.1 503 /)
    expect(answer).toContain('"code":4408')
    expect(await rawSend(servers.url(), { session }, 'M[1,"whole","two"]')).toMatchObject({ taken: 2 })
    stream.hangUp()
  })

  it('a header that is too large is answered with 413 and a slow one with 503, not with 431 and 408', async () => {
    await using servers = await RealtimeServers.start()
    const large = await raw(servers.url(), `GET /realtime HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`)
    expect(large).toMatch(/^HTTP\/1.1 413 /)
    expect(large).toContain('"steadfast":"v1"')
    expect(await raw(servers.url(), 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
    const http = createServer({ requestTimeout: 100, connectionsCheckingInterval: 50 })
    const server = new RealtimeServer()
    server.attach(http)
    const port = await listenOnLoopback(http)
    const slow = await raw(`http://127.0.0.1:${port}/`, 'POST /realtime HTTP/1.1\r\nHost:', { end: false })
    expect(slow).toMatch(/^HTTP\/1.1 503 /)
    await server.close({ drainMs: 0 })
    http.close()
  })
})

describe('[SP2] a POST that is cut off', () => {
  it.each([1, 2])('delivers its complete lines once, with %i server(s)', async (count) => {
    const seen: unknown[] = []
    await using servers = await RealtimeServers.start({ count, options: { onMessage: (_, { data }) => void seen.push(data) } })
    const session = randomSession()
    const stream = await new RawStream(servers.url(), { session }).opened()
    const body = bodyOf({ session, send: true }, ['M[1,"one"]', 'M[2,"two"]', 'M[3,"thr'])
    await raw(servers.url(1), `POST /realtime HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n${body}`)
    await until(() => seen.length === 2, 'the whole lines were not taken')
    expect(seen).toEqual(['one', 'two'])
    expect(await rawSend(servers.url(), { session }, 'M[1,"one","two","three"]')).toMatchObject({ taken: 3 })
    expect(seen).toEqual(['one', 'two', 'three'])
    stream.hangUp()
  })
})

describe('[SP13] origins and addresses', () => {
  it('pages of listed origins and of the server itself are accepted, all others are refused', async () => {
    await using servers = await RealtimeServers.start({ options: { origins: [origin] } })
    const { host } = new URL(servers.url())
    const statusOf = async (headers: Readonly<Record<string, string>>) => {
      const response = await rawPost(servers.url(), { session: randomSession(), wait: 0 }, [], { headers })
      await response.text()
      return response.status
    }
    expect(await statusOf({ Origin: origin })).toBe(200)
    expect(await statusOf({ Origin: `http://${host}` })).toBe(200)
    expect(await statusOf({ Origin: `https://${host}` })).toBe(200)
    expect(await statusOf({})).toBe(200)
    for (const bad of [
      'null',
      'https://evil.example',
      'https://app.example.evil',
      'http://app.example',
      'https://app.example:8443',
    ])
      expect([bad, await statusOf({ Origin: bad })]).toEqual([bad, 403])
    expect(await statusOf({ Cookie: 'a=b' })).toBe(403)
    expect(await statusOf({ 'Sec-Fetch-Site': 'same-origin' })).toBe(403)
    const socket = new RawSocket(servers.url(), { session: randomSession() }, { headers: { Origin: 'https://evil.example' } })
    expect(await socket.over()).toMatchObject({ code: 4403 })
    const none = new RawSocket(servers.url(), { session: randomSession() }, { headers: { Cookie: 'a=b' } })
    expect(await none.over()).toMatchObject({ code: 4403 })
    await new RawSocket(servers.url(), { session: randomSession() }, { headers: { Origin: origin } }).opened()
  })

  it('CORS headers let listed origins read answers with credentials, and any origin read a refusal', async () => {
    await using servers = await RealtimeServers.start({ options: { origins: [origin] } })
    const allowed = await rawPost(servers.url(), { session: randomSession(), wait: 0 }, [], { headers: { Origin: origin } })
    expect(Object.fromEntries(allowed.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
    const refused = await rawPost(servers.url(), { session: randomSession() }, [], {
      headers: { Origin: 'https://evil.example' },
    })
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
    expect(refused.headers.get('access-control-allow-credentials')).toBeNull()
    const preflight = await fetch(servers.url(), { method: 'OPTIONS', headers: { Origin: origin } })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, POST'])
    const forbidden = await fetch(servers.url(), { method: 'OPTIONS', headers: { Origin: 'https://evil.example' } })
    expect(forbidden.headers.get('access-control-allow-methods')).toBeNull()
  })

  it('attachmentsPerSecondPerAddress limits the attachments of an address', async () => {
    await using servers = await RealtimeServers.start({
      options: { limits: { attachmentsPerSecondPerAddress: 1 }, addressOf: (request) => String(request.headers['x-address']) },
    })
    const statuses: number[] = []
    for (let n = 0; n < 7; n += 1) {
      const response = await rawPost(servers.url(), { session: randomSession(), wait: 0 }, [], {
        headers: { 'X-Address': '203.0.113.7' },
      })
      statuses.push(response.status)
      if (response.status === 429) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
      await response.text()
    }
    expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200])
    expect(statuses.at(-1)).toBe(429)
    const other = await rawPost(servers.url(), { session: randomSession(), wait: 0 }, [], {
      headers: { 'X-Address': '203.0.113.8' },
    })
    expect(other.status).toBe(200)
  })
})

describe('[SP14] proxies', () => {
  it('are kept from buffering an event stream by headers and 2 kB of padding', async () => {
    await using servers = await RealtimeServers.start()
    const stream = await new RawStream(servers.url(), { session: randomSession() }).opened()
    expect(Object.fromEntries(stream.response?.headers ?? [])).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(stream.text).toMatch(/^: {2048}\n\n/)
    stream.hangUp()
  })

  it('get the answer to a poll with its Content-Length', async () => {
    await using servers = await RealtimeServers.start()
    const response = await rawPost(servers.url(), { session: randomSession(), wait: 0 })
    const text = await response.text()
    expect(Number(response.headers.get('content-length'))).toBe(text.length)
    expect(text).toMatch(/^data: o\{.*\}\n\n$/)
  })
})

describe('[SP15] the ledger', () => {
  it('reports what the node has seen of an attempt, and nothing about the session', async () => {
    await using servers = await RealtimeServers.start({ options: { origins: [origin] } })
    const ask = async (attempt: string) => {
      const response = await fetch(`${servers.url()}?diagnose=${attempt}`)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('timing-allow-origin')).toBe('*')
      return response.json()
    }
    const unseen = {
      steadfast: 'v1',
      scope: 'node',
      sawRequest: false,
      sawUpgrade: false,
      verdict: null,
      offeredProtocols: [],
      answeredAt: null,
    }
    expect(await ask('never')).toEqual(unseen)
    const session = randomSession()
    const socket = await new RawSocket(servers.url(), { session }, { query: '?attempt=a1' }).opened()
    expect(await ask('a1')).toEqual({
      ...unseen,
      sawRequest: true,
      sawUpgrade: true,
      verdict: 'accepted',
      offeredProtocols: ['steadfast.v1'],
      answeredAt: expect.any(Number),
    })
    await rawPost(servers.url(), { session }, [], { query: '?attempt=a2', headers: { Origin: 'null' } })
    expect(await ask('a2')).toMatchObject({ sawRequest: true, sawUpgrade: false, verdict: 4403 })
    const stream = await new RawStream(servers.url(), { session, k: 2 }, [], { query: '?attempt=a3' }).opened()
    expect(await ask('a3')).toMatchObject({ verdict: 'accepted' })
    new RawSocket(servers.url(), { session }, { query: '?attempt=a4', protocols: ['mqtt'] })
    await sleep(50)
    expect(await ask('a4')).toMatchObject({ sawUpgrade: true, verdict: 4400, offeredProtocols: ['mqtt'] })
    stream.hangUp()
    socket.socket.close()
  })

  it('limits the rate of diagnosis requests', async () => {
    await using servers = await RealtimeServers.start()
    const statuses = await Promise.all(
      Array.from({ length: 400 }, async () => {
        const response = await fetch(`${servers.url()}?diagnose=x`)
        await response.text()
        return response.status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
  })

  it("reports the scope 'all' if the server shares its store with no other", async () => {
    const http = createServer()
    const server = new RealtimeServer()
    server.attach(http)
    const port = await listenOnLoopback(http)
    expect(await (await fetch(`http://127.0.0.1:${port}/realtime?diagnose=x`)).json()).toMatchObject({ scope: 'all' })
    await server.close({ drainMs: 0 })
    http.close()
    http.closeAllConnections()
  })
})

describe('attach() and handleRequest()', () => {
  it('attach() leaves other paths to existing listeners, and close() restores them', async () => {
    const http = createServer((_, response) => response.end('theirs'))
    const server = new RealtimeServer({ path: '/live' })
    server.attach(http)
    const port = await listenOnLoopback(http)
    const base = `http://127.0.0.1:${port}`
    expect(await (await fetch(`${base}/other`)).text()).toBe('theirs')
    expect((await fetch(`${base}/live`)).status).toBe(400)
    expect((await fetch(`${base}/live/more`)).status).toBe(200)
    const lost = httpRequest(`${base}/other`, { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } }).end()
    const [refused] = await once(lost, 'response')
    expect(refused.statusCode).toBe(404)
    await server.close({ drainMs: 0 })
    expect(await (await fetch(`${base}/live`)).text()).toBe('theirs')
    expect(http.listenerCount('clientError')).toBe(0)
    http.close()
    http.closeAllConnections()
  })

  it('handleRequest() accepts a body that was read before, and reports a missing one with the remedy', async () => {
    const errors: unknown[] = []
    const server = new RealtimeServer({ onError: (error) => errors.push(error) })
    const http = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      server.handleRequest(request, response, request.url === '/given' ? body : undefined)
    })
    const port = await listenOnLoopback(http)
    const given = await rawPost(`http://127.0.0.1:${port}/given`, { session: randomSession(), wait: 0 })
    expect(given.status).toBe(200)
    const missing = await rawPost(`http://127.0.0.1:${port}/missing`, { session: randomSession(), wait: 0 })
    expect(missing.status).toBe(500)
    expect(String(errors[0])).toContain('third argument')
    await server.close({ drainMs: 0 })
    http.close()
    http.closeAllConnections()
  })
})
