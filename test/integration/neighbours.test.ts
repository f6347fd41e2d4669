import { createServer, type Server } from 'node:http'
import { describe, expect, it } from 'vitest'
import { RealtimeServer } from '../../src/server/index.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import type { Neighbour } from '../support/neighbour.ts'
import { neighbours } from '../support/neighbours.ts'
import { RawSocket, RawStream, randomSession, rawSend } from '../support/raw-client.ts'

/** An HTTP server that a `RealtimeServer` shares with another library. */
interface Shared extends AsyncDisposable {
  readonly http: Server
  readonly port: number
  readonly realtime: RealtimeServer
  readonly neighbour: Neighbour
  readonly errors: readonly unknown[]
}

async function shared(name: string, order: string): Promise<Shared> {
  const moving = neighbours[name]
  if (!moving) throw new Error(`There is no ${name}.`)
  const http = createServer()
  const errors: unknown[] = []
  const realtime = new RealtimeServer({
    onMessage: (session, { data }) => session.send(data),
    onError: (error) => errors.push(error),
  })
  if (order === 'first') realtime.attach(http)
  const neighbour = await moving(http)
  if (order === 'last') realtime.attach(http)
  const port = await listenOnLoopback(http)
  return {
    http,
    port,
    realtime,
    neighbour,
    errors,
    async [Symbol.asyncDispose]() {
      await realtime.close({ drainMs: 0 })
      await neighbour.end?.()
      http.close()
      http.closeAllConnections()
    },
  }
}

async function expectRealtimeWorks(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/realtime`
  const session = randomSession()
  const socket = await new RawSocket(url, { session, turn: 1 }).opened()
  socket.send('m1:over WebSocket')
  await socket.has('0.1:over WebSocket')
  socket.socket.close()
  const other = randomSession()
  const stream = await new RawStream(url, { session: other, turn: 1 }).opened()
  expect(await rawSend(url, { session: other }, 'M[1,"over POST"]')).toMatchObject({ status: 200 })
  await stream.has('0.1:over POST')
  stream.hangUp()
}

const orders = ['first', 'last']

describe.each(orders)('a RealtimeServer attached %s to a shared HTTP server', (order) => {
  it.each(Object.keys(neighbours))('works beside %s, which still works after close()', async (name) => {
    await using both = await shared(name, order)
    const { port, neighbour, realtime, errors } = both
    await expectRealtimeWorks(port)
    await neighbour.check(port)
    await expectRealtimeWorks(port)
    expect(errors).toEqual([])
    await realtime.close({ drainMs: 0 })
    await neighbour.check(port)
  })
})
