import { expect, it } from 'vitest'
import { json } from '../../src/client/json.ts'
import { promised } from '../support/manual-host.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'

it('send() and publish() encode values with the codec, and fail with a TypeError if it cannot encode one', async () => {
  const bench = new ServerBench({ settings: { codec: json() } })
  const { carrier } = await bench.confirmed()
  const session = await bench.session(sessionId)
  expect(await session.subscribe('news')).toBe(true)
  expect(await session.send({ text: 'hello' } as never)).toBe(true)
  await bench.at(0).publish('news', { text: 'all' })
  await promised()
  expect(carrier.news.join(' ')).toContain('{"text":"hello"}')
  expect(carrier.news.join(' ')).toContain('{"text":"all"}')
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  expect(() => session.send(cyclic as never)).toThrow(TypeError)
  await expect(bench.at(0).publish('news', cyclic)).rejects.toThrow(TypeError)
})
