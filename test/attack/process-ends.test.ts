// Inputs that once ended the process, and must not.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { AttackedServer } from '../support/attacked-server.ts'
import { randomSession } from '../support/raw-client.ts'
import { opcodes, postText, RawTcp, requestText, upgradeText, webSocketFrame } from '../support/raw-tcp.ts'
import { snippetNamed } from '../support/readme.ts'
import type { ScenarioName } from './scenarios.ts'

const session = () => randomSession()
const websocket = { Connection: 'Upgrade', Upgrade: 'websocket' }

const resets: Readonly<Record<string, () => string>> = {
  'an upgrade of another path': () => requestText('GET', '/other', websocket),
  'a whole handshake at another path': () => upgradeText({ session: session() }, {}, '/other'),
  'an upgrade to another protocol': () => requestText('GET', '/other', { Connection: 'Upgrade', Upgrade: 'h2c' }),
  'an upgrade without our subprotocol': () => upgradeText(null),
  'a handshake of an unknown version': () => upgradeText({ session: session() }, { 'Sec-WebSocket-Version': '99' }),
  'a handshake': () => upgradeText({ session: session() }),
  'text that is not HTTP': () => 'no HTTP at all\r\n\r\n',
  'headers that are too many': () => requestText('GET', '/', { a: 'x'.repeat(20_000) }),
  'a poll': () => postText({ session: session(), wait: 0 }),
  'half of a body': () => postText({ session: session() }, [], { 'Content-Length': '1000' }),
  CONNECT: () => requestText('CONNECT', 'host:1'),
}

it.each<ScenarioName>(['plain', 'app', 'middleware', 'ws before', 'ws after', 'ws at /other before', 'ws at /other after'])(
  '%s: survives requests that are reset at once',
  async (scenario) => {
    await using server = await AttackedServer.start(scenario, { resumeWindowMs: 1000 })
    for (const [name, textOf] of Object.entries(resets)) {
      for (let round = 0; round < 12; round += 1) {
        using raw = await RawTcp.open(server.port).catch(() => null)
        await raw?.write(textOf())
        if (round % 3 > 0) await sleep(round % 3)
        raw?.reset()
      }
      expect(server.exit, `after ${name}`).toBeNull()
    }
    await server.stillServes()
    expect((await server.account()).errors).toEqual([])
  },
)

// A refusal, and requests in pieces behind it: Node reads on after a lost connection, and then expects no answer.
it.each<ScenarioName>(['plain', 'app'])('%s: survives pipelined requests behind a refusal, then a reset', async (scenario) => {
  await using server = await AttackedServer.start(scenario)
  const refused = { Origin: 'https://evil.example', Cookie: 'a=b', 'Sec-Fetch-Site': 'cross-site' }
  const halfHello = '{"v":1,"session":"half-a-hello----------","k":3'
  for (let round = 0; round < 24; round += 1) {
    const texts = [
      postText({ session: session() }, [], refused),
      postText({ session: session(), wait: 0 }),
      postText(halfHello, ['M[2,"echo"]']),
      requestText('POST', scenario === 'app' ? '/' : '/realtime', { 'Content-Length': '99999' }, 'x'.repeat(2000)),
    ]
    using raw = await RawTcp.open(server.port).catch(() => null)
    await raw?.write(texts.join(''))
    if (round % 4 > 0) await sleep(round % 4)
    raw?.reset()
  }
  await server.stillServes()
  expect(server.exit).toBeNull()
})

it.each<[string, ScenarioName]>([
  ['another path', 'plain'],
  ['another path beside an application', 'app'],
])('an upgrade of %s that no server takes is answered with 404', async (_, scenario) => {
  await using server = await AttackedServer.start(scenario)
  using raw = await RawTcp.open(server.port)
  await raw.write(requestText('GET', '/other', websocket))
  expect(await raw.over(10_000)).toBe('fin')
  expect(raw.answers[0]?.status).toBe(404)
})

it.each<[ScenarioName, string]>([
  ['ws before', '/'],
  ['ws after', '/'],
  ['ws at /other before', '/other'],
  ['ws at /other after', '/other'],
])('%s: each of two WebSocket servers serves its own clients', async (scenario, path) => {
  await using server = await AttackedServer.start(scenario)
  await server.stillServes()
  const said = await new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`)
    socket.on('open', () => socket.send('hello'))
    socket.on('message', (data) => {
      resolve(String(data))
      socket.terminate()
    })
    socket.on('error', reject)
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
  })
  expect(said).toBe('HELLO')
  await server.stillServes()
  expect((await server.account()).errors).toEqual([])
})

it('survives an upgrade that is handed over twice', async () => {
  await using server = await AttackedServer.start('handed over twice')
  for (let round = 0; round < 3; round += 1) {
    using raw = await RawTcp.open(server.port)
    await raw.write(upgradeText({ session: session() }))
    await raw.answered(1, 1000)
  }
  await server.stillServes()
})

it('answers requests with more headers than Node keeps', async () => {
  await using server = await AttackedServer.start()
  const many = 'a:\r\n'.repeat(2100)
  for (const text of [upgradeText({ session: session() }), postText({ session: session(), wait: 0 })]) {
    for (const at of [text.indexOf('\r\n') + 2, text.indexOf('\r\n\r\n') + 2]) {
      using raw = await RawTcp.open(server.port)
      await raw.write(text.slice(0, at) + many + text.slice(at))
      await raw.answered(1)
      expect(raw.answers).toHaveLength(1)
    }
  }
  await server.stillServes()
})

it('requires a version of `ws` that cannot be crashed or flooded', () => {
  const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(peerDependencies.ws).toBe('^8.23.0')
})

it('an application that listens after attach() answers all other requests', async () => {
  await using server = await AttackedServer.start('app later')
  const answered = await fetch(`http://127.0.0.1:${server.port}/`)
  expect([answered.status, await answered.text()]).toEqual([200, 'the application'])
  expect((await fetch(`http://127.0.0.1:${server.port}/nothing`)).status).toBe(404)
  await server.stillServes()
  expect((await server.account()).errors).toEqual([])
})

const brokenFrames: Readonly<Record<string, Buffer>> = {
  'reserved bits': webSocketFrame(opcodes.text, 'p', { reserved: 7 }),
  'an unknown opcode': webSocketFrame(5, 'p'),
  'no mask': webSocketFrame(opcodes.text, 'p', { isMasked: false }),
  'a length of 2^63': webSocketFrame(opcodes.text, 'p', { claimedLength: 2 ** 63 }),
  'a continuation without a first frame': webSocketFrame(opcodes.continuation, 'p'),
  'half a close code': webSocketFrame(opcodes.close, 'x'),
  'an invalid close code': webSocketFrame(opcodes.close, Buffer.from([0, 1])),
  'text that is no UTF-8': webSocketFrame(opcodes.text, Buffer.from([0xff, 0xfe])),
}

it('malformed frames end no connection but their own', async () => {
  await using server = await AttackedServer.start()
  for (const [name, bytes] of Object.entries(brokenFrames)) {
    using raw = await RawTcp.open(server.port)
    await raw.write(upgradeText({ session: session(), turn: 1 }))
    await raw.answered(1)
    await raw.write(bytes)
    expect(await raw.over(10_000), name).not.toBeNull()
  }
  await server.stillServes()
  expect((await server.account()).errors).toEqual([])
})

const { code } = snippetNamed('server')

it.each(['server', 'own-server'])('the %s of the documentation survives request targets that are no path', async (name) => {
  await using server = await AttackedServer.start('script', { code: snippetNamed(name).code })
  for (const target of ['//', 'http://[', '///x', 'http://', '*', '/%', '/?last_event_id=%', '?']) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      using raw = await RawTcp.open(server.port).catch(() => null)
      await raw?.write(requestText(method, target, { Connection: 'close' }, method === 'POST' ? 'x' : ''))
      await raw?.answered(1, 300)
    }
    using upgrading = await RawTcp.open(server.port).catch(() => null)
    await upgrading?.write(upgradeText(null, {}, target))
    await upgrading?.answered(1, 300)
    expect(server.exit, target).toBeNull()
  }
  using raw = await RawTcp.open(server.port)
  await raw.write(requestText('GET', '/'))
  expect(await raw.saw((received) => received.toString().startsWith('HTTP/1.1 200'))).toBe(true)
})

it('the server of the documentation bounds a body without an end, and refuses a page of another origin', async () => {
  await using server = await AttackedServer.start('script', { code })
  const before = await server.account()
  using raw = await RawTcp.open(server.port)
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  await raw.write(requestText('POST', '/', { 'Transfer-Encoding': 'chunked' }))
  for (let count = 0; count < 1500 && !raw.end; count += 1) await raw.write(chunk)
  const { heap, external } = await server.account()
  expect(heap + external - before.heap - before.external).toBeLessThan(30_000_000)
  using foreign = await RawTcp.open(server.port)
  await foreign.write(requestText('POST', '/', { Origin: 'https://evil.example' }, 'x'))
  expect((await foreign.answered(1))[0]?.status).toBe(403)
  using socket = await RawTcp.open(server.port)
  await socket.write(upgradeText(null, { Origin: 'https://evil.example' }))
  expect((await socket.answered(1))[0]?.status).not.toBe(101)
})
