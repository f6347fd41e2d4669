import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { RealtimeOptions, TransportName } from '../../src/index.ts'
import { type Script, startScripted, stream } from '../support/scripted-server.ts'
import { watchClient } from '../support/watched-client.ts'

const names = ['sse', 'long-poll', 'poll'] as const satisfies readonly TransportName[]
const withKey: RealtimeOptions = { prepare: () => ({ headers: { 'X-Key': 'secret' } }) }

const answers: Script = (request, response) => {
  if (request.headers.accept === 'text/event-stream') stream(response, 'data: hello\n\n')
  else response.end('hello')
}

const redirecting =
  (status: number, to: () => string): Script =>
  (request, response, n) =>
    request.path === '/rt' ? response.writeHead(status, { Location: to() }).end() : answers(request, response, n)

it.concurrent.each(names.flatMap((name) => [302, 307].map((status) => [name, status] as const)))(
  '%s follows a redirect (%i) within the same origin, with the headers of prepare()',
  async (name, status) => {
    await using server = await startScripted(redirecting(status, () => '/rt/'))
    await using watched = watchClient(`${server.origin}/rt`, { transports: [name], ...withKey })
    await watched.nth('message')
    const [first, second] = server.gets()
    expect([first?.path, second?.path, second?.headers['x-key']]).toEqual(['/rt', '/rt/', 'secret'])
  },
)

it.concurrent.each(names.flatMap((name) => [301, 308].map((status) => [name, status] as const)))(
  '%s does not follow a redirect (%i) to another origin with the headers of prepare(), and reports http.redirect',
  async (name, status) => {
    await using other = await startScripted(answers)
    await using server = await startScripted(redirecting(status, () => `${other.origin}/rt`))
    await using watched = watchClient(`${server.origin}/rt`, { transports: [name], probe: false, ...withKey })
    expect((await watched.nth('error')).diagnosis).toMatchObject({ cause: 'http.redirect', certainty: 'certain' })
    await sleep(50)
    expect([other.requests, watched.data]).toEqual([[], []])
  },
)

it.concurrent.each(names)('%s follows a redirect to another origin when prepare() adds no headers', async (name) => {
  await using other = await startScripted(answers)
  await using server = await startScripted(redirecting(302, () => `${other.origin}/rt/`))
  await using watched = watchClient(`${server.origin}/rt`, { transports: [name] })
  await watched.nth('message')
  expect(other.gets()[0]?.path).toBe('/rt/')
})
