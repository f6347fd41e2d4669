import { answerOf, html } from '../answers.ts'
import type { Deployment, Fault, FaultTransport } from '../fault.ts'
import { servedAt, startFront, strikeAll, strikeAttaching } from '../front.ts'

const transports: readonly FaultTransport[] = ['websocket', 'sse', 'long-poll']
const sameOrigin: readonly Deployment[] = ['same-origin', 'boxes']
const common = { group: 'middlebox', transport: 'websocket' } as const

/** What a deployment meets that has a server, a page and a box of its own. */
export const deploymentFaults: readonly Fault[] = [
  ...transports.flatMap((transport) => [
    answering(`waf_200_${transport}`, transport, 200, 'path.intermediary'),
    answering(`waf_403_${transport}`, transport, 403, 'path.intermediary'),
    answering(`cdn_520_${transport}`, transport, 520, 'path.intermediary'),
    answering(`cdn_502_${transport}`, transport, 502, 'path.intermediary'),
    answering(`portal_511_${transport}`, transport, 511, 'path.captive'),
    { ...answering(`deploy_404_${transport}`, transport, 404, 'http.404'), deployments: ['same-origin'] } as const,
    login(transport),
    down(transport),
  ]),
  ...[401, 403, 502, 503].map((status) => upgradeRefused(status)),
  {
    ...{ ...common, name: 'origin_403', expected: 'http.403', deployments: ['no-cors', 'same-origin'] },
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.answer(answerOf(403, '', 'wrong origin'))),
  },
  {
    ...answering('csp_report_only', 'websocket', 404, 'http.404', 'text/plain'),
    deployments: ['same-origin'],
    policy: () => "Content-Security-Policy-Report-Only: connect-src 'none'\r\n",
  },
  {
    ...{ ...common, name: 'csp_other_path', expected: 'http.404', deployments: ['same-origin'] },
    policy: (origin) => `Content-Security-Policy: connect-src ${origin}/socket ${origin.replace('http', 'ws')}/socket\r\n`,
    async start(site) {
      const served = await strikeAll(site, 'websocket', (passage) => passage.answer(answerOf(404, '', 'nothing here')))
      const forbidden = (url: string) =>
        fetch(url)
          .then(() => {})
          .catch(() => {})
      return { ...served, before: (page) => page.evaluate(forbidden, '/another') }
    },
  },
]

function answering(name: string, transport: FaultTransport, status: number, expected: string, type = 'text/html'): Fault {
  const answer = answerOf(status, '', html, type)
  return {
    ...{ ...common, name, transport, expected, deployments: sameOrigin },
    start: (site) => strikeAll(site, transport, (passage) => passage.answer(answer)),
  }
}

/** Whoever is not logged in is sent to a page of the same origin. */
function login(transport: FaultTransport): Fault {
  return {
    ...{ ...common, name: `login_${transport}`, transport, expected: 'http.redirect', deployments: sameOrigin },
    start: (site) =>
      strikeAll(site, transport, (passage) =>
        passage.answer(
          passage.request.path.startsWith('/login')
            ? answerOf(200, '', html, 'text/html')
            : answerOf(302, 'Location: /login\r\n'),
        ),
      ),
  }
}

/** The server that gave the page listens no more. */
function down(transport: FaultTransport): Fault {
  return {
    ...{ ...common, name: `down_${transport}`, group: 'connection', transport, expected: 'net.refused', deployments: sameOrigin },
    async start(site) {
      const front = await startFront(site, { catches: () => false, strike() {} })
      return {
        ...servedAt(site, transport, front),
        before: async () => front[Symbol.asyncDispose](),
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

function upgradeRefused(status: number): Fault {
  return {
    ...{ ...common, name: `upgrade_html_${status}`, expected: 'ws.upgrade_blocked', deployments: ['no-cors', ...sameOrigin] },
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.answer(answerOf(status, '', html, 'text/html'))),
  }
}
