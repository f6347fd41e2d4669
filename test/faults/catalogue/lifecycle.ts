import { setTimeout as sleep } from 'node:timers/promises'
import { corsFor } from '../answers.ts'
import type { Fault, FaultTransport, Served, Site } from '../fault.ts'
import { servedAt, startFront, strikeAttaching } from '../front.ts'
import { openForMs } from '../passage.ts'
import type { Request } from '../request.ts'

/** How many HTTP/1.1 connections a browser opens to one host. */
const poolSize = 6

const common = { group: 'lifecycle', transport: 'websocket', isAlone: true } as const
const noWay = 'its driver cannot take the network away'

/** Faults of the page and the device. */
export const lifecycleFaults: readonly Fault[] = [
  {
    ...common,
    name: 'offline',
    expected: 'net.offline',
    notIn: { webkit: noWay },
    async start(site) {
      return {
        ...(await working(site, 'websocket')),
        async before(page) {
          await page.setOffline?.(true)
        },
      }
    },
  },
  {
    // The client closes its connection on `pagehide`. Some engines do not fire it, and kill the connection.
    ...common,
    name: 'bfcache',
    expected: 'conn.restored',
    isAfterOpen: true,
    async start(site) {
      const served = await strikeAttaching(site, 'websocket', (passage) => passage.passThen(() => passage.sever()))
      return {
        ...served,
        async act(page) {
          await sleep(2 * openForMs)
          await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        },
      }
    },
  },
  {
    ...common,
    name: 'pool_exhausted',
    transport: 'sse',
    expected: 'client.pool_exhausted',
    patienceMs: 15_000,
    async start(site) {
      const served = await working(site, 'sse')
      const { origin } = new URL(served.url)
      return { ...served, heldUrls: Array.from({ length: poolSize }, (_, index) => `${origin}/held?${index}`) }
    },
  },
]

/** The beginning of a response that does not end. */
function endless(site: Site, request: Request): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n${corsFor(site, request)}\r\n1\r\nx\r\n`
}

async function working(site: Site, transport: FaultTransport): Promise<Served> {
  const front = await startFront(site, {
    catches: ({ path }) => path.startsWith('/held'),
    strike: (passage) => passage.toClient(endless(site, passage.request)),
  })
  return servedAt(site, transport, front)
}
