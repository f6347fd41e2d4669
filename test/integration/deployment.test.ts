import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import { session } from '../../src/session/index.ts'
import { proxyNames } from '../support/proxies.ts'
import { deployment, deploymentSnippet } from '../support/proxy-settings.ts'
import { snippetsOf } from '../support/readme.ts'
import { type SessionServers, startSessionServers } from '../support/readme-session.ts'
import { watchClient } from '../support/watched-client.ts'

/** Tests the snippets of docs/DEPLOYMENT.md other than the proxy configurations, which test/proxies runs. */
async function everyTransportEchoes({ origins: [origin] }: SessionServers): Promise<void> {
  for (const type of ['websocket', 'sse', 'long-poll', 'poll'] as const) {
    const transports = [type === 'poll' ? ({ type, intervalMs: 50 } as const) : type]
    await using page = watchClient(`${origin}/realtime`, { protocol: session(), transports })
    page.client.send(`over ${type}`)
    await vi.waitFor(() => expect(page.data).toEqual([`over ${type}`]), { timeout: 10_000 })
    expect(page.causes()).toEqual([])
  }
}

it('every snippet is run by a test, or its section says that it is not tested', () => {
  const run = [...proxyNames, 'node-server', 'express-raw']
  const notRun = ['kubernetes']
  expect([...snippetsOf(deployment).keys()].sort()).toEqual([...run, ...notRun].sort())
  for (const name of notRun) {
    const section = deployment.split(/^###? /m).find((text) => text.includes(deploymentSnippet(name).code))
    expect(section).toContain('*Not tested here.*')
  }
})

it('node-server echoes over every transport, and closes sessions with 4503 on SIGTERM', async () => {
  const signals = new EventEmitter()
  await using servers = await startSessionServers(deploymentSnippet('node-server'), { process: signals })
  const [origin = ''] = servers.origins
  const health = async () => (await fetch(`${origin}/healthz`)).status
  await everyTransportEchoes(servers)
  expect([await health(), (await fetch(`${origin}/`)).status]).toEqual([200, 404])

  await using page = watchClient(`${origin}/realtime`, { protocol: session(), transports: ['websocket'] })
  await page.nth('open')
  signals.emit('SIGTERM')
  // The server has nothing to drain, so it may have stopped listening already.
  expect([503, 'gone']).toContain(await health().catch(() => 'gone'))
  const { code, retry } = await page.nth('close')
  expect([code, retry]).toEqual([4503, expect.objectContaining({ attempt: 1 })])
  await vi.waitFor(() => expect(fetch(`${origin}/healthz`)).rejects.toThrow(), { timeout: 10_000 })
})

it('express-raw echoes over every transport', async () => {
  await using servers = await startSessionServers(deploymentSnippet('express-raw'))
  await everyTransportEchoes(servers)
  expect(servers.errors).toEqual([])
})
