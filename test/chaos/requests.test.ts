import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { RequestError } from '../../src/session/index.ts'
import { HandledRequests } from '../support/handled-requests.ts'
import { sessionTransports, startRig, transportOf } from '../support/session-rig.ts'

const perClient = 2500

it('[SP21] 10,000 requests over four transports are answered once each, while connections are cut and a node dies', async () => {
  const handled = new HandledRequests()
  await using rig = await startRig({
    count: 3,
    options: {
      leaseMs: 1500,
      async onRequest(_, { data, redelivered }) {
        const text = String(data)
        const times = handled.handle(text, redelivered)
        await sleep(times + (text.length % 3))
        return `${text}!`
      },
    },
  })
  const clients = sessionTransports.map(({ type }) => ({ type, watched: rig.watch({ transports: [transportOf(type)] }) }))
  const failures: unknown[] = []
  const wrong: string[] = []
  let settled = 0
  const asking = clients.map(async ({ type, watched }) => {
    const asked: Promise<void>[] = []
    for (let index = 0; index < perClient; index += 1) {
      const text = `${type} ${index}`
      const reply = watched.client.request<string>(text)
      asked.push(
        reply.then(
          (given) => {
            settled += 1
            if (given !== `${text}!`) wrong.push(`${text}: ${given}`)
          },
          (error) => void failures.push(error instanceof RequestError ? error.code : error),
        ),
      )
      if (index % 50 === 49) await sleep(20)
    }
    await Promise.all(asked)
  })
  let isOver = false
  const harm = (async () => {
    for (let round = 0; !isOver; round += 1) {
      await sleep(250)
      if (round < 20) rig.proxy.killAll()
      if (round === 6) rig.servers.kill(2)
    }
  })()
  await Promise.all(asking)
  isOver = true
  await harm
  expect(failures).toEqual([])
  expect(wrong).toEqual([])
  expect(settled).toBe(4 * perClient)
  expect(handled.size).toBe(4 * perClient)
  expect(handled.unmarked).toEqual([])
  for (const { watched } of clients) await watched.client.close()
}, 120_000)
