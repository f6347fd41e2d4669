import { answerOf, corsFor, html, preflightAnswer } from '../answers.ts'
import type { Fault, FaultTransport, Site } from '../fault.ts'
import { strikeAll } from '../front.ts'
import type { Request } from '../request.ts'

const websocketStatuses = [400, 401, 403, 404, 426, 429, 500, 503]
const sseStatuses = [204, 401, 404, 503]
const pollStatuses = [401, 429, 500]

type Answer = (request: Request, site: Site) => string

/** The server, or a box in its place, gives every request the same answer, which the page may read. */
export const httpFaults: readonly Fault[] = [
  ...websocketStatuses.map((status) => answered(`h_${status}`, 'websocket', status)),
  ...sseStatuses.map((status) => answered(`sse_${status}`, 'sse', status)),
  ...pollStatuses.map((status) => answered(`lp_${status}`, 'long-poll', status)),
  page('h_200_html', 'websocket'),
  page('sse_html', 'sse'),
  page('lp_html', 'long-poll'),
  redirected('h_301_same', 'websocket', 301, '/moved'),
  redirected('h_302_login', 'websocket', 302, '/login'),
  redirected('sse_redirect', 'sse', 302, '/login'),
]

function answered(name: string, transport: FaultTransport, status: number): Fault {
  const more = status === 429 || status === 503 ? 'Retry-After: 1\r\nAccess-Control-Expose-Headers: Retry-After\r\n' : ''
  const body = status === 204 ? '' : `status ${status}`
  return answering(name, transport, `http.${status}`, (request, site) => answerOf(status, corsFor(site, request) + more, body))
}

function page(name: string, transport: FaultTransport): Fault {
  return answering(name, transport, 'http.not_realtime', (request, site) =>
    answerOf(200, corsFor(site, request), html, 'text/html'),
  )
}

/** The target of the redirect is a page without CORS headers, unless it is another path of the same server. */
function redirected(name: string, transport: FaultTransport, status: number, to: string): Fault {
  return answering(name, transport, 'http.redirect', (request, site) => {
    const isThere = request.path.startsWith(to)
    if (!isThere) return answerOf(status, `${corsFor(site, request)}Location: ${to}\r\n`)
    return to === '/login' ? answerOf(200, '', html, 'text/html') : answerOf(426, corsFor(site, request), 'Upgrade Required')
  })
}

function answering(name: string, transport: FaultTransport, expected: string, answer: Answer): Fault {
  return {
    name,
    group: 'http',
    transport,
    expected,
    start: (site) =>
      strikeAll(site, transport, (passage) => {
        const { request } = passage
        passage.answer(request.method === 'OPTIONS' ? preflightAnswer(site, request) : answer(request, site))
      }),
  }
}
