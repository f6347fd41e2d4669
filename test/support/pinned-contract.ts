import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import type { RealtimeServersOptions } from './realtime-servers.ts'
import type { TransportName } from './session-rig.ts'
import { startSockets } from './socket-rig.ts'

/** By session: the server whose handlers received its messages, and the messages. */
type Seen = Map<string, { readonly home: number; readonly heard: string[] }>

function servers(seen: Seen, openStore: RealtimeServersOptions['openStore']) {
  const options = (index: number) => ({
    pinSessions: true,
    leaseMs: 2000,
    onSession: (session: { readonly id: string }) => void seen.set(session.id, { home: index, heard: [] }),
    onMessage: (
      session: { readonly id: string; send(data: string): Promise<boolean> },
      { data }: { readonly data: string | ArrayBuffer },
    ) => {
      const known = seen.get(session.id)
      if (known?.home !== index) throw new Error(`It began on ${known?.home}, and is handled on ${index}.`)
      known.heard.push(String(data))
      return session.send(`${index} ${data}`)
    },
  })
  return startSockets(options, { count: 3, ...(openStore ? { openStore } : {}) })
}

/** Pinned sessions on three servers behind a balancer without affinity, over a store. */
export function pinnedContract(openStore?: RealtimeServersOptions['openStore']): void {
  it.each<TransportName>(['websocket', 'sse', 'long-poll', 'poll'])(
    '[SP20] a pinned session over %s is handled by one of three servers, in order, also when connections are cut',
    async (type) => {
      const seen: Seen = new Map()
      await using bench = await servers(seen, openStore)
      const { socket, data, opened, log } = bench.socket(type)
      await opened()
      const sent = Array.from({ length: 100 }, (_, index) => `m${index}`)
      for (const [index, each] of sent.entries()) {
        socket.send(each)
        if (index % 25 === 24) bench.rig.proxy.killAll()
        await sleep(4)
      }
      await vi.waitFor(() => expect(data).toHaveLength(sent.length), 20_000)
      const [only] = seen.values()
      expect(seen.size).toBe(1)
      expect(only?.heard).toEqual(sent)
      expect(data).toEqual(sent.map((each) => `${only?.home} ${each}`))
      expect(log).toEqual(['open'])
      expect(bench.rig.servers.errors).toEqual([])
    },
  )

  it.each<TransportName>(['websocket', 'sse'])(
    '[SP20] a socket over %s closes with 1012 when the server of its pinned session dies',
    async (type) => {
      const seen: Seen = new Map()
      await using bench = await servers(seen, openStore)
      const { opened, closed } = bench.socket(type)
      await opened()
      await vi.waitFor(() => expect(seen.size).toBe(1))
      const [only] = seen.values()
      bench.rig.servers.kill(only?.home ?? -1)
      expect(await closed(12_000)).toMatchObject({ code: 1012, wasClean: true })
    },
  )

  it('[SP20] a socket closes with 1012 as soon as the server of its pinned session shuts down', async () => {
    const seen: Seen = new Map()
    await using bench = await servers(seen, openStore)
    const { opened, closed } = bench.socket('sse')
    await opened()
    await vi.waitFor(() => expect(seen.size).toBe(1))
    const [only] = seen.values()
    await bench.rig.servers.leave(only?.home ?? -1, 5000)
    expect(await closed(1000)).toMatchObject({ code: 1012, wasClean: true })
  })
}
