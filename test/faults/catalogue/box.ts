import { answerOf, seenOf } from '../answers.ts'
import { startBackend } from '../backends.ts'
import type { Fault, FaultTransport, LabPage, Mode, Served, Site } from '../fault.ts'
import { servedAt, startFront, strikeAll, strikeAttaching } from '../front.ts'
import { isAttaching } from '../request.ts'

const common = { group: 'box', transport: 'websocket' } as const

const blocked = '<!doctype html><title>Request blocked</title><h1>Request blocked</h1><p>Reference 7f3a</p>'
const portal = '<!doctype html><title>Welcome</title><h1>Welcome to our Wi-Fi</h1><form method="post">…</form>'
const notFound = '<!doctype html><title>404 Not Found</title><h1>Not Found</h1>'
const badGateway = '<!doctype html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>'

/** For how long a portal that was there before the page keeps answering, in milliseconds. */
const portalForMs = 3000

/** Middleboxes that occur in some deployments only, or show different symptoms there. */
export const boxFaults: readonly Fault[] = [
  // Only the upgrade is refused; a GET of the same URL works. A session's server refuses by a close code, never by a status.
  upgradeRefused('upgrade_401', 401, { plain: 'http.401', session: 'ws.upgrade_blocked' }),
  upgradeRefused('upgrade_origin_403', 403, 'http.403'),
  upgradeRefused('upgrade_502', 502, 'ws.upgrade_blocked'),
  upgradeRefused('upgrade_503', 503, 'ws.upgrade_blocked'),
  ...(['websocket', 'sse', 'long-poll'] as const).flatMap((transport) => [
    always(named('waf_200', transport), transport, 'path.intermediary', 200, blocked),
    always(named('waf_403', transport), transport, 'path.intermediary', 403, blocked),
    always(named('deploy_404', transport), transport, { plain: 'http.404', session: 'path.intermediary' }, 404, notFound),
  ]),
  always('waf_429', 'websocket', 'path.intermediary', 429, blocked),
  always('cdn_520', 'websocket', 'path.intermediary', 520, blocked),
  always('sse_cdn_522', 'sse', 'path.intermediary', 522, blocked),
  always('sse_502', 'sse', 'path.intermediary', 502, badGateway),
  onceOpen('portal_comes', 'path.captive', 200, portal),
  onceOpen('restart_502', 'path.intermediary', 502, badGateway),
  portalGoes('portal_goes', 'sse'),
  workerAnswers('worker_200', 'websocket', 200),
  workerAnswers('worker_503', 'websocket', 503),
  workerAnswers('sse_worker_200', 'sse', 200),
  workerAnswers('lp_worker_503', 'long-poll', 503),
  {
    ...common,
    name: 'csp_report_only',
    expected: 'ws.upgrade_blocked',
    page: 'csp-report',
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.reset()),
  },
  {
    ...common,
    name: 'csp_other_path',
    expected: 'ws.upgrade_blocked',
    page: 'csp-path',
    async start(site) {
      const served = await strikeAttaching(site, 'websocket', (passage) => passage.reset())
      const before = async (page: LabPage) => {
        await page.evaluate("void setInterval(() => fetch('/elsewhere').catch(() => {}), 100)")
      }
      return { ...served, before }
    },
  },
  otherMode('session_server', 'websocket', 'plain'),
  otherMode('sse_session_server', 'sse', 'plain'),
  otherMode('plain_server', 'websocket', 'session'),
  otherMode('sse_plain_server', 'sse', 'session'),
]

function named(name: string, transport: FaultTransport): string {
  return { websocket: name, sse: `sse_${name}`, 'long-poll': `lp_${name}` }[transport]
}

function upgradeRefused(name: string, status: number, expected: Fault['expected']): Fault {
  const answer = answerOf(status, '', 'refused')
  return { ...common, name, expected, start: (site) => strikeAttaching(site, 'websocket', (to) => to.answer(answer)) }
}

/** A box that answers every request with this page. */
function always(name: string, transport: FaultTransport, expected: Fault['expected'], status: number, page: string): Fault {
  const answer = answerOf(status, '', page, 'text/html; charset=utf-8')
  return {
    ...common,
    name,
    expected,
    transport,
    seen: seenOf(status),
    start: (site) => strikeAll(site, transport, (to) => to.answer(answer)),
  }
}

/** A box that cuts an open connection, and answers with this page from then on. */
function onceOpen(name: string, expected: string, status: number, page: string): Fault {
  const answer = answerOf(status, '', page, 'text/html')
  return {
    // After the loss of a working connection no follow-up question is asked for up to 30 s: the server may be restarting.
    ...common,
    name,
    expected,
    seen: seenOf(status),
    questionsMs: 40_000,
    patienceMs: 45_000,
    // Chromium delays a WebSocket by up to 5 s when many in its process have failed; that must not pass for a hanging upgrade.
    isAlone: true,
    inPlain: { options: { connectTimeoutMs: 10_000 } },
    notIn: { firefox: 'it puts off a WebSocket to where others have failed, beyond the time for an attempt' },
    async start(site) {
      let isThere = false
      const front = await startFront(site, {
        catches: () => true,
        strike(passage) {
          if (isThere) passage.answer(answer)
          else if (!isAttaching(passage.request, 'websocket', site.mode)) passage.pass()
          else
            passage.passThen(() => {
              isThere = true
              passage.reset()
            })
        },
      })
      return servedAt(site, 'websocket', front)
    },
  }
}

/** A portal that passes everything after a login. */
function portalGoes(name: string, transport: FaultTransport): Fault {
  const answer = answerOf(200, '', portal, 'text/html')
  return {
    ...common,
    name,
    expected: 'path.captive',
    transport,
    seen: seenOf(200),
    async start(site) {
      let since = Number.POSITIVE_INFINITY
      return strikeAll(site, transport, (passage) => {
        since = Math.min(since, performance.now())
        if (performance.now() - since < portalForMs) passage.answer(answer)
        else passage.pass()
      })
    },
  }
}

/** The server is down, and a service worker answers every fetch with its offline page. */
function workerAnswers(name: string, transport: FaultTransport, status: number): Fault {
  return {
    ...common,
    name,
    expected: 'path.intermediary',
    transport,
    seen: seenOf(status),
    async start(site) {
      const served = await strikeAll(site, transport, (passage) => passage.reset())
      const before = async (page: LabPage) => {
        await page.evaluate(`navigator.serviceWorker.register('/service-worker.js?status=${status}').then(() =>
          navigator.serviceWorker.controller ?? new Promise((resolve) => {
            navigator.serviceWorker.oncontrollerchange = resolve
          })).then(() => null)`)
      }
      return { ...served, before }
    },
  }
}

/** A client in one mode with a server of the other mode. */
function otherMode(name: string, transport: FaultTransport, mode: Mode): Fault {
  return {
    ...common,
    name,
    transport,
    modes: [mode],
    expected: 'protocol-mismatch',
    async start(site): Promise<Served> {
      const speaks = mode === 'plain' ? 'session' : 'plain'
      const other = await startBackend({ mode: speaks, deployment: site.deployment, origins: [], script: '' })
      const front = await startFront(site, { port: other.port, catches: () => false, strike() {} })
      return {
        ...servedAt({ ...site, backend: other } satisfies Site, transport, front),
        async [Symbol.asyncDispose]() {
          await front[Symbol.asyncDispose]()
          await other[Symbol.asyncDispose]()
        },
      }
    },
  }
}
