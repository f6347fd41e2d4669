import { createServer } from 'node:net'
import { answerOf, html, seenOf } from '../answers.ts'
import type { Fault, FaultTransport } from '../fault.ts'
import { listen, servedAt, startFront, strikeAll, strikeAttaching } from '../front.ts'
import type { Passage } from '../passage.ts'
import { withField } from '../request.ts'

const common = { group: 'middlebox', transport: 'websocket' } as const

/** Faults of middleboxes that are not malicious. */
export const middleboxFaults: readonly Fault[] = [
  atUpgrade('strip_upgrade', 'ws.upgrade_stripped', (passage) =>
    passage.pass(withField(withField(passage.request.head, 'Upgrade', null), 'Connection', 'keep-alive')),
  ),
  atUpgrade('strip_upgrade_400', 'ws.upgrade_blocked', (passage) => passage.answer(answerOf(400, '', 'Bad Request'))),
  atUpgrade('upgrade_403', 'ws.upgrade_blocked', (passage) => passage.answer(answerOf(403, '', 'Forbidden'))),
  atUpgrade('upgrade_rst', 'ws.upgrade_blocked', (passage) => passage.reset()),
  atUpgrade('upgrade_fin', 'ws.upgrade_blocked', (passage) => passage.finish()),
  atUpgrade('upgrade_hang', 'ws.upgrade_hang', (passage) => passage.sever()),
  ...[502, 503, 504, 403].map((status) => answering(`mb_${status}`, 'path.intermediary', status)),
  answering('mb_407', 'path.intermediary', 407, 'Proxy-Authenticate: Basic realm="proxy"\r\n'),
  answering('mb_511', 'path.captive', 511),
  answering('captive_200', 'path.captive', 200),
  answering('sse_captive', 'path.captive', 200, '', 'sse'),
  answering('lp_captive', 'path.captive', 200, '', 'long-poll'),
  answering('lp_502', 'path.intermediary', 502, '', 'long-poll'),
  {
    ...common,
    name: 'captive_302',
    expected: 'path.captive',
    seen: 'http.redirect',
    async start(site) {
      // A port that was free a moment ago: the page cannot reach the portal.
      const portal = await listen(createServer(), site.ip)
      await portal[Symbol.asyncDispose]()
      const answer = answerOf(302, `Location: ${portal.origin}/\r\n`)
      return servedAt(site, 'websocket', await startFront(site, { catches: () => true, strike: (to) => to.answer(answer) }))
    },
  },
]

/** A middlebox that affects WebSocket upgrades only. */
function atUpgrade(name: string, expected: string, strike: (passage: Passage) => void): Fault {
  return { ...common, name, expected, start: (site) => strikeAttaching(site, 'websocket', strike) }
}

/** A middlebox that answers every request itself, without CORS headers. */
function answering(name: string, expected: string, status: number, fields = '', transport: FaultTransport = 'websocket'): Fault {
  const answer = answerOf(status, fields, html, 'text/html')
  return {
    ...common,
    name,
    expected,
    transport,
    seen: seenOf(status),
    start: (site) => strikeAll(site, transport, (to) => to.answer(answer)),
  }
}
