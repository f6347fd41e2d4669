// Attacks on memory, sockets or diagnoses at the HTTP edge, mostly by unauthenticated clients.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { costOf, grewLinearly } from '../support/attack-costs.ts'
import { AttackedServer } from '../support/attacked-server.ts'
import { RawSocket, RawStream, randomSession, until } from '../support/raw-client.ts'
import { postText, RawTcp, requestText, upgradeText } from '../support/raw-tcp.ts'

const heapOf = async (server: AttackedServer) => {
  const { heap, external } = await server.account()
  return heap + external
}

/** A session with this many MiB unread that an answer can be filled several times. */
async function unread(server: AttackedServer, mebibytes: number): Promise<string> {
  const session = randomSession()
  const raw = await new RawSocket(server.url, { session, turn: 1 }).opened()
  raw.socket.terminate()
  await server.order({ type: 'send', session, text: 'x'.repeat(65_536), count: 16 * mebibytes })
  return session
}

it('pipelined polls with unread answers use bounded memory, and are answered as these are read', async () => {
  await using server = await AttackedServer.start()
  const session = await unread(server, 7)
  const before = await heapOf(server)
  using raw = await RawTcp.open(server.port)
  raw.pause()
  const polls = Array.from({ length: 400 }, (_, index) => postText({ session, k: index + 2, wait: 0 }))
  await server.reset()
  await raw.write(polls.join(''))
  await sleep(2000)
  expect((await heapOf(server)) - before).toBeLessThan(24_000_000)
  expect((await server.account()).standstillCpuMs).toBeLessThan(1000)
  await server.stillServes()
  // The polls are answered one after the other, as their answers are read.
  raw.resume()
  const answers = await raw.answered(3)
  expect(answers.slice(0, 3).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(answers[0]?.body).toContain('"k":2,')
  expect(answers[1]?.body).toContain('"k":3,')
})

it('polls of one session on 60 connections with unread answers use bounded memory', async () => {
  await using server = await AttackedServer.start('plain', { limits: { attachmentsPerSession: 4 } })
  const session = await unread(server, 7)
  const before = await heapOf(server)
  const raws = await Promise.all(Array.from({ length: 60 }, () => RawTcp.open(server.port)))
  for (const [index, raw] of raws.entries()) {
    raw.pause()
    await raw.write(postText({ session, k: index + 2, wait: 0 }).repeat(3))
  }
  await sleep(1500)
  expect((await heapOf(server)) - before).toBeLessThan(24_000_000)
  for (const raw of raws) raw.reset()
  await server.stillServes()
})

it('polls of 40 sessions of one principal with unread answers use bounded memory, and then are refused', async () => {
  const limits = { answerBytesPerClient: 4_000_000 }
  await using server = await AttackedServer.start('plain', { limits, isAuthenticating: true, topic: 'news' })
  const sessions = Array.from({ length: 40 }, () => randomSession())
  for (const session of sessions) {
    const raw = await new RawSocket(server.url, { session, turn: 1, auth: 'ann' }).opened()
    raw.socket.terminate()
  }
  await server.order({ type: 'publish', topic: 'news', text: 'x'.repeat(65_536), count: 100 })
  const before = await heapOf(server)
  const raws = await Promise.all(Array.from({ length: 40 }, () => RawTcp.open(server.port)))
  for (const [index, raw] of raws.entries()) {
    raw.pause()
    // The kernel buffers the first of the answers.
    await raw.write(postText({ session: sessions[index] ?? '', k: 2, wait: 0, auth: 'ann' }).repeat(9))
  }
  await sleep(1500)
  expect((await heapOf(server)) - before).toBeLessThan(16_000_000)
  const tooMany = await fetch(server.url, {
    method: 'POST',
    body: JSON.stringify({ v: 1, session: sessions[0], k: 3, n: 1, wait: 0, auth: 'ann' }),
  })
  expect([tooMany.status, await tooMany.json()]).toEqual([429, expect.objectContaining({ code: 4429 })])
  // Another principal is served.
  const other = await fetch(server.url, {
    method: 'POST',
    body: JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, wait: 0, auth: 'bob' }),
  })
  expect(other.status).toBe(200)
  for (const raw of raws) raw.reset()
})

it('a body in chunks of one byte uses bounded memory before authentication', async () => {
  await using server = await AttackedServer.start('plain', { isAuthenticating: true })
  const hello = JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, send: true, auth: 'ann' })
  const before = await heapOf(server)
  using raw = await RawTcp.open(server.port)
  await raw.write(requestText('POST', '/realtime', { 'Transfer-Encoding': 'chunked' }))
  await raw.write(`${hello.length.toString(16)}\r\n${hello}\r\n1\r\n\n\r\n`)
  await raw.write('1\r\nx\r\n'.repeat(600_000))
  expect((await heapOf(server)) - before).toBeLessThan(24_000_000)
  await server.stillServes('ann')
})

it('chunks of one byte cost CPU time in proportion to their number', async () => {
  await using server = await AttackedServer.start()
  const costs = (size: number) =>
    costOf(server, async () => {
      using raw = await RawTcp.open(server.port)
      const hello = JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, wait: 0 })
      const head = requestText('POST', '/realtime', { 'Transfer-Encoding': 'chunked' })
      await raw.write(`${head}${hello.length.toString(16)}\r\n${hello}\r\n1\r\n\n\r\n${'1\r\nz\r\n'.repeat(size)}0\r\n\r\n`)
      await raw.answered(1)
    })
  await grewLinearly(costs, { size: 50_000 })
})

it('unfinished bodies use bounded memory before authentication, and their connections time out', async () => {
  await using server = await AttackedServer.start('plain', { isAuthenticating: true, limits: { bodyTimeoutMs: 3000 } })
  const start = await server.account()
  const before = start.heap + start.external
  const half = 'x'.repeat(4_000_000)
  const head = requestText('POST', '/realtime', { 'Content-Length': '4194304' })
  const bodies = ['', '\n', '--b\r\n', `{"v":1,"session":"${randomSession()}","k":1,"n":1,"auth":"`]
  const raws = await Promise.all(Array.from({ length: 150 }, () => RawTcp.open(server.port)))
  for (const [index, raw] of raws.entries()) void raw.write(head + bodies[index % bodies.length] + half)
  await sleep(1000)
  expect((await heapOf(server)) - before).toBeLessThan(32_000_000)
  // The server closes all of them, though no client hangs up.
  await server.until(({ sockets }) => sockets <= start.sockets, 'the connections')
  await server.stillServes('ann')
})

it('unfinished bodies of clients that may send use bounded memory, and their connections time out', async () => {
  const limits = { bodyTimeoutMs: 3000, maxBodyBytes: 16_000_000 }
  await using server = await AttackedServer.start('plain', { limits })
  const start = await server.account()
  const before = start.heap + start.external
  const raws = await Promise.all(Array.from({ length: 150 }, () => RawTcp.open(server.port)))
  for (const raw of raws) {
    const hello = JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, send: true })
    void raw.write(`${requestText('POST', '/realtime', { 'Content-Length': '4194304' })}${hello}\n${'z'.repeat(4_000_000)}`)
  }
  await sleep(1500)
  expect((await heapOf(server)) - before).toBeLessThan(64_000_000)
  await server.stillServes()
  await server.until(({ sockets }) => sockets <= start.sockets, 'the connections')
})

it('sockets that stay half open after their answer are closed', async () => {
  await using server = await AttackedServer.start()
  const before = await server.account()
  const texts = [
    upgradeText(null),
    upgradeText(null, { 'Sec-WebSocket-Protocol': 'mqtt' }),
    upgradeText({ session: randomSession() }, { 'Sec-WebSocket-Version': '99' }),
    'no HTTP at all\r\n\r\n',
    requestText('GET', '/realtime', { Large: 'x'.repeat(20_000) }),
    postText('no hello', [''], { 'Content-Length': '4000' }),
    postText({ session: randomSession() }, [], { Origin: 'null', Connection: 'close' }),
  ]
  const raws = await Promise.all(Array.from({ length: 7 * texts.length }, () => RawTcp.open(server.port, { isHalfOpen: true })))
  for (const [index, raw] of raws.entries()) await raw.write(texts[index % texts.length] ?? '')
  for (const [index, raw] of raws.entries())
    expect(await raw.over(10_000), `the answer to ${texts[index % texts.length]?.slice(0, 300)}`).not.toBeNull()
  await server.until(({ sockets }) => sockets <= before.sockets, 'the sockets', 10_000)
  await server.returnsTo(before)
})

it('event streams and WebSockets that are not read use bounded memory, and are closed with the server', async () => {
  await using server = await AttackedServer.start('plain', { topic: 'news' })
  const before = await server.account()
  const texts = [postText, upgradeText].flatMap((textOf) =>
    Array.from({ length: 4 }, () => textOf({ session: randomSession(), turn: 1 })),
  )
  const raws = await Promise.all(texts.map(() => RawTcp.open(server.port, { isHalfOpen: true })))
  for (const [index, raw] of raws.entries()) await raw.write(texts[index] ?? '')
  for (const raw of raws) await raw.answered(1)
  for (const raw of raws) raw.pause()
  const filled = await heapOf(server)
  await server.order({ type: 'publish', topic: 'news', text: 'x'.repeat(65_536), count: 400 })
  expect((await heapOf(server)) - filled).toBeLessThan(24_000_000)
  await server.order({ type: 'close', drainMs: 0 })
  await server.until(({ sockets }) => sockets <= before.sockets, 'the sockets', 10_000)
})

it('an event stream over HTTP/2 that is not read uses bounded memory', async () => {
  await using server = await AttackedServer.start('http2', { topic: 'news' })
  const { connect } = await import('node:http2')
  const client = connect(`http://127.0.0.1:${server.port}`)
  client.on('error', () => {})
  const stream = client.request({ ':method': 'POST', ':path': '/realtime', 'content-type': 'text/plain' })
  stream.on('error', () => {})
  stream.end(JSON.stringify({ v: 1, session: randomSession(), k: 1, n: 1, turn: 1 }))
  let said = ''
  stream.on('data', (chunk) => {
    said += chunk
  })
  await until(() => said.includes('"stream":1'), 'it was never subscribed')
  stream.pause()
  const before = await heapOf(server)
  for (let round = 0; round < 20; round += 1)
    await server.order({ type: 'publish', topic: 'news', text: 'x'.repeat(100_000), count: 100 })
  // The topic itself keeps 8 MiB.
  expect((await heapOf(server)) - before).toBeLessThan(32_000_000)
  client.destroy()
  expect((await server.account()).errors).toEqual([])
})

it('a flood of attempts does not displace an accepted attempt from the ledger', async () => {
  await using server = await AttackedServer.start()
  const ask = async (attempt: string) => (await fetch(`${server.url}?diagnose=${attempt}`)).json()
  const stream = await new RawStream(server.url, { session: randomSession() }, [], { query: '?attempt=mine' }).opened()
  const refused = await fetch(`${server.url}?attempt=refused`)
  await refused.text()
  expect(await ask('refused')).toMatchObject({ scope: 'all', sawRequest: true })
  for (let round = 0; round < 67; round += 1) {
    using raw = await RawTcp.open(server.port)
    await raw.write(Array.from({ length: 150 }, (_, n) => requestText('GET', `/realtime?attempt=flood-${round}-${n}`)).join(''))
    expect(await raw.answered(150)).toHaveLength(150)
  }
  expect(await ask('mine')).toMatchObject({ sawRequest: true, verdict: 'accepted' })
  // The ledger has dropped the refused attempt, and does not claim to be complete.
  expect(await ask('refused')).toMatchObject({ scope: 'node', sawRequest: false })
  stream.hangUp()
})
