import { describe, expect, it } from 'vitest'
import { metricFamilies, prometheusText } from '../../src/server/index.ts'
import { Meters } from '../../src/server/metrics/meters.ts'
import { boundsMs } from '../../src/server/metrics/store-meters.ts'
import { ServerBench, sessionId } from '../support/server-bench.ts'

describe('metrics() of a node', () => {
  it('counts messages, frames and bytes both ways, and the runs and errors of handlers', async () => {
    const bench = new ServerBench({
      handlers: {
        onSession: (session) => session.subscribe('news'),
        onMessage: async (session, { data }) => {
          if (data === 'async') throw new Error('rejected')
          await session.send(data)
        },
        onEnd: () => {
          throw new Error('thrown')
        },
      },
    })
    const { carrier, attachment } = await bench.confirmed()
    await bench.pass(100)
    attachment.receive('M[1,"one","€€"]')
    attachment.receive('m3:async')
    await bench.pass(100)
    const other = await bench.confirmed({ session: 'b-session-of-the-tests' }, { medium: 'stream', principal: 'bob' })
    await bench.pass(100)
    await bench.at(0).publish('news', 'to both')
    await bench.pass(100)
    const metrics = bench.at(0).metrics()
    expect(metrics).toMatchObject({
      sessions: 2,
      attachments: { open: { websocket: 1, sse: 1, polling: 0 }, opened: { websocket: 1, sse: 1, polling: 0 } },
      messages: { received: 3, sent: 4, published: 1 },
      bytes: { received: 3 + 6 + 5 },
      gaps: 0,
      unhandledBytes: 0,
      handlers: { onSession: { runs: 2, errors: 0 }, onMessage: { runs: 3, errors: 1 }, onEnd: { runs: 0, errors: 0 } },
    })
    const frames = [...carrier.frames, ...other.carrier.frames]
    expect(metrics.framesSent).toBe(frames.length)
    expect(metrics.bytes.sent).toBe(frames.reduce((sum, { length }) => sum + length, 0))
    await (await bench.session(sessionId)).close(4410, 'over')
    await bench.pass(100)
    expect(bench.at(0).metrics().handlers.onEnd).toEqual({ runs: 1, errors: 1 })
    expect(bench.at(0).metrics().attachments.open).toEqual({ websocket: 0, sse: 1, polling: 0 })
    expect(metrics.handlers.onEnd, 'a snapshot stays as it was').toEqual({ runs: 0, errors: 0 })
  })

  it('counts gaps when messages of a topic and of a session were lost', async () => {
    const bench = new ServerBench({
      store: { maxMessagesPerStream: 2 },
      handlers: { onSession: (session) => session.subscribe('news') },
    })
    const { carrier, attachment } = await bench.confirmed()
    await bench.pass(100)
    const { epoch } = carrier.open
    attachment.ended({ by: 'network', code: 1006, reason: '' })
    const session = await bench.session()
    for (const text of ['1', '2', '3', '4']) {
      await session.send(text)
      await bench.at(0).publish('news', text)
    }
    await bench.confirmed({ k: 2, turn: 2, cursor: `0.1~${epoch}` })
    await bench.pass(100)
    expect(bench.at(0).metrics().gaps).toBe(2)
  })

  it('reports the bytes not yet written to clients, and how many clients wait', async () => {
    const bench = new ServerBench()
    const { carrier } = await bench.confirmed()
    Object.assign(carrier, { unwrittenBytes: () => 500 })
    const other = await bench.confirmed({ session: 'b-session-of-the-tests' }, { medium: 'stream' })
    Object.assign(other.carrier, { unwrittenBytes: () => 70 })
    other.carrier.takes = false
    expect(bench.at(0).metrics().unwritten).toEqual({ bytes: 570, mostBytes: 500, waiting: 1 })
  })

  it('counts and times the calls of an asynchronous store, and those that failed or timed out', async () => {
    let isStalled = false
    const bench = new ServerBench({ settings: { storeTimeoutMs: 3000 }, isStalled: () => isStalled })
    await bench.pass(100)
    const before = bench.at(0).metrics().store['topics.append']
    expect(before).toBeUndefined()
    const publish = () =>
      bench
        .at(0)
        .publish('news', 'x')
        .catch(() => 'failed')
    const first = publish()
    await bench.pass(100)
    expect(await first).toBe(1)
    bench.fail('append', 'before')
    const second = publish()
    await bench.pass(100)
    expect(await second).toBe('failed')
    isStalled = true
    const third = publish()
    await bench.pass(4000)
    expect(await third).toBe('failed')
    const { calls, errors, totalMs, buckets } = bench.at(0).metrics().store['topics.append'] ?? {}
    expect({ calls, errors }).toEqual({ calls: 3, errors: 2 })
    expect(totalMs).toBe(3000)
    expect(buckets?.map(({ leMs }) => leMs)).toEqual([...boundsMs, Infinity])
    const within = new Map(buckets?.map(({ leMs, calls: count }) => [leMs, count]))
    expect([within.get(1000), within.get(3000), within.get(Infinity)]).toEqual([2, 3, 3])
    expect(bench.at(0).metrics().messages.published).toBe(1)
  })

  it('has no calls of a synchronous store', () => {
    expect(new ServerBench().at(0).metrics().store).toEqual({})
  })
})

describe('refusals', () => {
  it("are counted by code, with a reason only for codes whose reasons are the server's own", () => {
    const meters = new Meters()
    meters.answered('accepted')
    for (const reason of ['too many at once', 'too many at once', 'too many from this address']) meters.answered(4429, reason)
    for (const reason of ['the origin https://a.example', 'the origin https://b.example']) meters.answered(4403, reason)
    meters.answered(4400)
    expect(meters.refused).toEqual([
      { code: 4429, reason: 'too many at once', count: 2 },
      { code: 4429, reason: 'too many from this address', count: 1 },
      { code: 4403, reason: '', count: 2 },
      { code: 4400, reason: '', count: 1 },
    ])
  })
})

describe('samples', () => {
  const metrics = () => {
    const meters = new Meters()
    meters.answered(4429, 'too "many"\\\n')
    meters.topics.of('append').answered(7)
    meters.topics.of('append').failed(5000)
    const empty = new ServerBench().at(0).metrics()
    return { ...empty, refused: meters.refused, store: Object.fromEntries(meters.topics.read('topics')) }
  }

  it('have unique names with labels, finite values, and `_total` in the names of counters alone', () => {
    const samples = metricFamilies(metrics()).flatMap(({ samples, ...family }) => samples.map((each) => ({ ...family, ...each })))
    const keys = samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
    expect(new Set(keys).size).toBe(keys.length)
    for (const { name, type, labels, value } of samples) {
      expect(name).toMatch(/^steadfast_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(Object.values(labels).every((label) => typeof label === 'string')).toBe(true)
      expect(Number.isFinite(value)).toBe(true)
    }
    const of = (name: string, label: string) =>
      samples.find((each) => each.name === name && Object.values(each.labels).includes(label))?.value
    expect(of('steadfast_store_calls_total', 'topics.append')).toBe(2)
    expect(of('steadfast_store_errors_total', 'topics.append')).toBe(1)
    expect(of('steadfast_store_seconds_total', 'topics.append')).toBe(5.007)
    expect(of('steadfast_store_calls_within_total', '0.01')).toBe(1)
    expect(of('steadfast_store_calls_within_total', '+Inf')).toBe(2)
  })

  it('always have the same names in the same order', () => {
    const namesOf = (of: Parameters<typeof metricFamilies>[0]) => metricFamilies(of).map(({ name }) => name)
    const names = namesOf(metrics())
    expect(namesOf(new ServerBench().at(0).metrics())).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  })

  it('are written in the text format of Prometheus', () => {
    const text = prometheusText(metrics())
    expect(text).toContain(
      '# HELP steadfast_sessions Sessions on this server now.\n# TYPE steadfast_sessions gauge\nsteadfast_sessions 0\n',
    )
    expect(text).toContain('steadfast_refused_total{code="4429",reason="too \\"many\\"\\\\\\n"} 1\n')
    expect(text).toContain('steadfast_store_calls_within_total{method="topics.append",le="0.01"} 1\n')
    for (const line of text.trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) steadfast_\w+ .+|steadfast_\w+(\{(\w+="(\\.|[^"\\])*",?)+\})? [\d.e+-]+)$/)
    expect(text.match(/^# TYPE steadfast_handler_runs_total/gm)).toHaveLength(1)
  })
})
