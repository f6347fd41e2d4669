import type { Fault, FaultTransport, Served, Site } from '../fault.ts'
import { frame } from '../frames.ts'
import { servedAt, startFront, strikeAttaching } from '../front.ts'
import { openForMs, type Passage } from '../passage.ts'
import { isAttaching } from '../request.ts'

/** In plain mode nothing but a heartbeat notices silence. */
const beating = { options: { heartbeat: { message: 'ping', reply: 'pong', intervalMs: 1000, timeoutMs: 1000 } } }
/** A session detects silence after seven seconds; the follow-up questions take up to five. */
const silencePatienceMs = 18_000

const common = { group: 'loss', transport: 'websocket', isAfterOpen: true } as const
const silence = { inPlain: beating, patienceMs: silencePatienceMs }

/** Losses of an open connection, with or without notice. */
export const lossFaults: readonly Fault[] = [
  lost('open_rst', (passage) => passage.reset()),
  lost('open_fin', (passage) => passage.finish()),
  lost('open_fin_midframe', (passage) => {
    passage.toClient(frame({ payload: 'x'.repeat(100) }).subarray(0, 40))
    passage.finish()
  }),
  // A session moves to another connection without losing the old one, so it has nothing to report.
  {
    ...common,
    ...silence,
    modes: ['plain'],
    name: 'server_stalled',
    expected: 'conn.stale',
    start: (site) => stalled(site, 'websocket'),
  },
  { ...common, ...silence, name: 'host_gone', expected: 'conn.lost_host', start: (site) => gone(site, 'websocket') },
  {
    ...common,
    ...silence,
    modes: ['plain'],
    name: 'sse_stalled',
    transport: 'sse',
    expected: 'conn.stale',
    start: (site) => stalled(site, 'sse'),
  },
  {
    ...common,
    ...silence,
    name: 'sse_host_gone',
    transport: 'sse',
    expected: 'conn.lost_host',
    start: (site) => gone(site, 'sse'),
  },
]

function lost(name: string, strike: (passage: Passage) => void): Fault {
  return {
    ...common,
    name,
    expected: 'conn.dropped',
    start: (site) => strikeAttaching(site, 'websocket', (passage) => passage.passThen(() => strike(passage))),
  }
}

/** The connection stays open without answers; new connections work. */
function stalled(site: Site, transport: FaultTransport): Promise<Served> {
  return strikeAttaching(site, transport, (passage) => passage.passThen(() => passage.sever()))
}

/** From then on nothing at this address answers. */
async function gone(site: Site, transport: FaultTransport): Promise<Served> {
  const passages = new Set<Passage>()
  let isGone = false
  const front = await startFront(site, {
    accept: () => isGone,
    catches: () => true,
    strike(passage) {
      passages.add(passage)
      if (isGone) passage.sever()
      else passage.pass()
      if (isGone || !isAttaching(passage.request, transport, site.mode)) return
      passage.later(openForMs, () => {
        isGone = true
        for (const each of passages) each.sever()
      })
    },
  })
  return servedAt(site, transport, front)
}
