import { describe, expect, it } from 'vitest'
import { AttemptLog } from '../../src/connection/attempt-log.ts'
import { diagnosisOf, findings } from '../support/machine-driver.ts'

const url = new URL('https://user:password@api.example:8443/realtime?token=secret')

it('the log records an attempt from its dial to its end, without secrets', () => {
  const log = new AttemptLog((at) => at)
  log.dialled(1, 'sse', url, 10)
  log.dialled(2, 'poll', url, 11)
  log.opened(1, 20)
  log.failed(1, diagnosisOf(findings.cut, 'open'), 30)
  expect(log.attempts).toEqual([
    {
      id: 1,
      transport: 'sse',
      url: 'https://api.example:8443/realtime',
      dialledAt: '1970-01-01T00:00:00.010Z',
      openedAt: '1970-01-01T00:00:00.020Z',
      endedAt: '1970-01-01T00:00:00.030Z',
      cause: 'net.unreachable',
      certainty: 'possible',
      verdict: 'retry',
      evidence: { kind: 'broken', phase: 'open', elapsedMs: 0, isOnline: true },
    },
    { id: 2, transport: 'poll', url: 'https://api.example:8443/realtime', dialledAt: '1970-01-01T00:00:00.011Z' },
  ])
  expect(JSON.stringify(log.attempts)).not.toMatch(/secret|password|user/)
})

it('a later diagnosis replaces the cause of an ended attempt, and keeps its timestamps', () => {
  const log = new AttemptLog((at) => at)
  log.dialled(1, 'websocket', url, 10)
  log.failed(1, diagnosisOf(findings.closed(1005), 'open'), 30)
  expect(log.attempts[0]?.candidates).toEqual(['close.1005', 'conn.protocol_error'])
  log.refined(1, diagnosisOf(findings.closed(1001), 'open'))
  expect(log.attempts[0]).toMatchObject({ cause: 'close.1001', certainty: 'certain', endedAt: '1970-01-01T00:00:00.030Z' })
  expect(log.attempts[0]).not.toHaveProperty('candidates')
})

describe('the URL of an attempt', () => {
  it.each([
    ['/realtime/v2/room-list', '/realtime/v2/room-list'],
    ['/', '/'],
    ['/realtime/', '/realtime/'],
    ['/rooms/8f14e45fceea167a5a36dedd4bea2543/live', '/rooms/…/live'],
    ['/u/anna%40example.org', '/u/…'],
    ['/a/a/aVeryLongNameThatCouldBeATokenAsWell', '/a/a/…'],
    ['/123456', '/…'],
  ])('%s is logged as %s', (path, told) => {
    const log = new AttemptLog((at) => at)
    log.dialled(1, 'sse', new URL(path, url), 0)
    expect(log.attempts[0]?.url).toBe(`https://api.example:8443${told}`)
  })
})

it('the members of an attempt have a fixed order, also after a later diagnosis', () => {
  const log = new AttemptLog((at) => at)
  log.dialled(1, 'sse', url, 10)
  log.opened(1, 20)
  log.failed(1, diagnosisOf(findings.closed(1001), 'open'), 30)
  log.refined(1, diagnosisOf(findings.closed(1005), 'open'))
  log.dialled(2, 'poll', url, 40)
  log.ended(2, 50)
  log.dialled(3, 'poll', url, 40)
  log.opened(3, 45)
  log.ended(3, 50, true)
  expect(log.attempts.map((attempt) => Object.keys(attempt).join(' '))).toEqual([
    'id transport url dialledAt openedAt endedAt cause certainty candidates verdict evidence',
    'id transport url dialledAt endedAt isGivenUp',
    'id transport url dialledAt openedAt endedAt isGivenUp isSilent',
  ])
})

it('the log keeps the last 100 attempts, and ignores events of any other attempt', () => {
  const log = new AttemptLog((at) => at)
  for (let id = 1; id <= 150; id += 1) log.dialled(id, 'poll', url, id)
  log.opened(3, 99)
  expect(log.attempts).toHaveLength(100)
  expect(log.attempts.map(({ id }) => id).slice(0, 2)).toEqual([51, 52])
})

it('ended() ends an attempt without a cause, and does not change one that has failed', () => {
  const log = new AttemptLog((at) => at)
  log.dialled(1, 'sse', url, 10)
  log.dialled(2, 'sse', url, 11)
  log.failed(1, diagnosisOf(findings.cut, 'open'), 30)
  log.ended(1, 40)
  log.ended(2, 41)
  log.ended(3, 42)
  expect(log.attempts.map(({ endedAt, cause }) => [endedAt, cause !== undefined])).toEqual([
    ['1970-01-01T00:00:00.030Z', true],
    ['1970-01-01T00:00:00.041Z', false],
  ])
})
