import mqtt from 'mqtt'
import { expect, it, vi } from 'vitest'
import { gateway } from '../../src/gateway/index.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { type TransportName, transportOf } from '../support/session-rig.ts'
import { startSockets } from '../support/socket-rig.ts'
import { useBroker } from '../support/use-broker.ts'
import { nodeHost } from '../support/watched-client.ts'

const mosquitto = useBroker('mosquitto')
const transports: readonly TransportName[] = ['websocket', 'sse', 'long-poll', 'poll']

it.each(transports)(
  'mqtt.js works with mosquitto through the gateway over %s: every QoS, bytes, keep-alive, despite cut connections',
  async (type) => {
    await using sockets = await startSockets(gateway({ target: mosquitto().url }))
    const Socket = webSocketOver({ host: nodeHost, transports: [transportOf(type)] })
    let connects = 0
    const client = mqtt.connect(sockets.rig.url.replace('http', 'ws'), {
      createWebsocket: (_url, protocols) => new Socket(sockets.rig.url, protocols) as never,
      forceNativeWebSocket: true,
      keepalive: 1,
      reconnectPeriod: 50,
    })
    client.on('connect', () => {
      connects += 1
    })
    const received: [number, string][] = []
    const topic = `t-${type}-${Date.now()}`
    client.on('message', (_, payload, { qos }) => void received.push([qos, payload.toString('hex')]))
    await client.subscribeAsync(topic, { qos: 2 })
    const expected: [number, string][] = []
    for (let index = 0; index < 60; index += 1) {
      const qos = ([0, 1, 2] as const)[index % 3] ?? 0
      const payload = Buffer.from([index, 0, 255, 13, 10])
      expected.push([qos, payload.toString('hex')])
      await client.publishAsync(topic, payload, { qos })
      if (index % 20 === 10) sockets.rig.proxy.killAll()
    }
    await vi.waitFor(() => expect(received).toHaveLength(60), { timeout: 15_000, interval: 10 })
    expect(received).toEqual(expected)
    // The broker closes a connection that sends no ping for one and a half times `keepalive`.
    await new Promise((resolve) => setTimeout(resolve, 2500))
    expect([client.connected, connects]).toEqual([true, 1])
    await client.endAsync()
  },
)
