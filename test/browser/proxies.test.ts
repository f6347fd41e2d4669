import type { Browser } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import { openPage } from '../support/browser-page.ts'
import { want } from '../support/equipment.ts'
import { closeInPage, SCRIPT, send, startInPage, until } from '../support/page-client.ts'
import { startNginx } from '../support/readme-nginx.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { useChromium } from '../support/use-chromium.ts'

let browser: Browser

useChromium((started) => {
  browser = started
})

/** nginx with its default `Host` header, which is the name of the upstream. */
function startNginxFor(servers: RealtimeServers) {
  return startNginx(`
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    server {
      listen 80;
      location / {
        proxy_pass ${new URL(servers.url()).origin};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
      }
    }`)
}

const options: RealtimeServerOptions = { onMessage: (session, { data }) => session.send(data) }
const names: readonly TransportName[] = ['sse', 'long-poll', 'poll']

describe('[SP13] a page behind nginx, which replaces Host by the name of the upstream', () => {
  beforeEach((context) => want(context, 'nginx'))

  it.each(names)('is accepted over %s by Sec-Fetch-Site: same-origin, and pages of other origins are refused', async (type) => {
    await using servers = await RealtimeServers.start({ page: { script: SCRIPT }, options })
    const nginx = await startNginxFor(servers)
    try {
      await using opened = await openPage(browser, { origin: nginx.origin })
      await startInPage(opened.page, '/realtime', { protocol: 'session', transports: [transportOf(type)] })
      await send(opened.page, 'hello')
      const log = await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
      expect(log).toMatchObject({ opened: [type], causes: [] })
      await closeInPage(opened.page)
      expect(servers.errors).toEqual([])

      await using other = await openPage(browser, { script: SCRIPT })
      await startInPage(other.page, `${nginx.origin}/realtime`, { protocol: 'session', transports: [transportOf(type)] })
      await until(other.page, ({ causes }) => expect(causes.length).toBeGreaterThan(0))
      expect(servers.errors).toHaveLength(1)
      expect(String(servers.errors[0])).toContain(`the origin ${other.origin} was refused`)
      await closeInPage(other.page)
    } finally {
      await nginx.close()
    }
  })

  it('falls back where its WebSocket is refused, since a handshake has no Sec-Fetch-Site header', async () => {
    await using servers = await RealtimeServers.start({ page: { script: SCRIPT }, options })
    const nginx = await startNginxFor(servers)
    try {
      await using opened = await openPage(browser, { origin: nginx.origin })
      await startInPage(opened.page, '/realtime', { protocol: 'session' })
      await send(opened.page, 'hello')
      const log = await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
      expect(log.state.status).toBe('open')
      expect(log.closes).toEqual([])
      // The error names the setting that lets the operator allow the WebSocket too.
      const refused = `publicOrigins: ['${nginx.origin}']`
      expect(servers.errors.map((error) => String(error).includes(refused))).toEqual(
        log.opened.includes('websocket') ? [] : [true],
      )
      await closeInPage(opened.page)
    } finally {
      await nginx.close()
    }
  })

  it('opens its WebSocket where the server accepts the public origin', async () => {
    const publicOrigins: string[] = []
    await using servers = await RealtimeServers.start({
      page: { script: SCRIPT },
      options: { ...options, origins: (origin) => publicOrigins.includes(origin) },
    })
    const nginx = await startNginxFor(servers)
    publicOrigins.push(nginx.origin)
    try {
      await using opened = await openPage(browser, { origin: nginx.origin })
      await startInPage(opened.page, '/realtime', { protocol: 'session', transports: ['websocket'] })
      await send(opened.page, 'hello')
      const log = await until(opened.page, ({ data }) => expect(data).toEqual(['hello']))
      expect(log).toMatchObject({ opened: ['websocket'], causes: [] })
      await closeInPage(opened.page)
    } finally {
      await nginx.close()
    }
  })
})
