import { describe, expect, it } from 'vitest'
import { blocked, failedOnce, type Investigated, investigated } from '../support/diagnosed.ts'
import { opens, refuses, sequence } from '../support/fake-transport.ts'

/** A client that is dialling: as in browsers, it hears of a violation of its policy before the failure. */
async function dialling(...[servers, ...more]: Partial<Parameters<typeof investigated>>): Promise<Investigated> {
  const bench = investigated(servers ?? { websocket: blocked }, ...more)
  await bench.pass(5)
  return bench
}

/** Each failure: its transport, cause and certainty. */
const verdicts = ({ errors }: Investigated) =>
  errors.map(({ cause, certainty, evidence }) => `${evidence.transport} ${cause}, ${certainty}`)

describe("a connection that the page's Content Security Policy forbids", () => {
  it.each(['wss://api.example', 'wss://api.example/realtime', 'ws://api.example', 'wss://api.example:443/realtime'])(
    'is diagnosed with certainty: %s',
    async (blockedUrl) => {
      const bench = await dialling()
      bench.forbid(blockedUrl, 'connect-src')
      await bench.pass(5)
      expect(verdicts(bench)).toEqual(['websocket policy.csp, certain'])
      expect(bench.errors[0]).toMatchObject({ hint: 'not-offered', evidence: { violation: 'connect-src' } })
      expect(bench.questions.all).toEqual([])
      expect(bench.client.report().attempts[0]).toMatchObject({ cause: 'policy.csp', evidence: { violation: 'connect-src' } })
    },
  )

  it('is diagnosed with certainty also if the WebSocket fires no "close"', async () => {
    const bench = await dialling({
      websocket: (dial) => dial.later(10, () => dial.fail({ kind: 'blocked', detail: 'no close', how: 'mute' })),
    })
    bench.forbid('wss://api.example')
    await bench.pass(5)
    expect(verdicts(bench)).toEqual(['websocket policy.csp, certain'])
  })

  it.each([
    'https://api.example',
    'wss://other.example',
    'wss://api.example/other',
    'wss://api.example:8443',
    'wss://api.example.evil.example',
    'inline',
    'eval',
    '',
    'data',
  ])('is not assumed because of a violation by another URL: %j', async (blockedUrl) => {
    const bench = await dialling()
    bench.forbid(blockedUrl, 'script-src')
    await bench.pass(5)
    expect(verdicts(bench)).toEqual(['websocket net.unreachable, possible'])
    expect(bench.reported).toEqual([])
  })

  it('may be the WebSocket without the event stream, or the other way round', async () => {
    const servers = () => ({ websocket: blocked, sse: refuses(1006) })
    const first = await dialling(servers())
    first.forbid('wss://api.example')
    await first.pass(20)
    expect(verdicts(first)).toEqual(['websocket policy.csp, certain', 'sse net.unreachable, possible'])
    const second = await dialling(servers())
    second.forbid('https://api.example')
    await second.pass(20)
    expect(verdicts(second)).toEqual(['websocket net.unreachable, possible', 'sse policy.csp, certain'])
  })

  it('is diagnosed with the first directive that forbade it', async () => {
    const bench = await dialling()
    bench.forbid('wss://api.example', 'connect-src')
    bench.forbid('wss://api.example', 'default-src')
    await bench.pass(5)
    expect(bench.errors[0]?.message).toContain('(connect-src)')
  })

  it('is diagnosed also if the violation is reported after the failure', async () => {
    const bench = await failedOnce()
    bench.forbid('wss://api.example')
    bench.questions.answerAll()
    await bench.pass(0)
    expect(bench.told()).toEqual(['net.unreachable', '(policy.csp)'])
    expect(bench.client.report().attempts[0]).toMatchObject({ cause: 'policy.csp', certainty: 'certain' })
  })

  it('follow-up questions that the policy forbids are no evidence about the network', async () => {
    const bench = await failedOnce()
    bench.forbid('https://api.example')
    bench.questions.failAll()
    await bench.pass(1000)
    expect(bench.errors.length).toBeGreaterThan(1)
    for (const { cause, evidence } of [...bench.errors, ...bench.refined]) {
      expect(cause).toBe('net.unreachable')
      expect(evidence).not.toHaveProperty('followUp')
    }
  })

  it('stays diagnosed when another transport opens, or the network changes', async () => {
    const bench = await dialling({ websocket: blocked, sse: sequence(opens(), blocked) })
    bench.forbid('wss://api.example')
    await bench.pass(20)
    bench.signal('online')
    bench.transport('sse').last.fail({ kind: 'ended' })
    await bench.pass(3_600_000)
    const ofSockets = verdicts(bench).filter((line) => line.startsWith('websocket'))
    expect(ofSockets.length).toBeGreaterThan(1)
    expect(new Set(ofSockets)).toEqual(new Set(['websocket policy.csp, certain']))
  })

  it('is forgotten when the client is closed', async () => {
    const bench = await dialling()
    bench.forbid('wss://api.example')
    await bench.client.close()
    bench.client.connect()
    await bench.pass(15)
    expect(verdicts(bench)).toEqual(['websocket net.unreachable, possible'])
  })

  it('is no longer listened for once the client is closed', async () => {
    const bench = await dialling()
    await bench.client.close()
    expect(bench.listening()).toBe(0)
  })
})
