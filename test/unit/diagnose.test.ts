import { describe, expect, it } from 'vitest'
import { type Diagnosis, diagnose, type Verdict } from '../../src/diagnosis/diagnose.ts'
import { endingOf } from '../../src/diagnosis/ending.ts'
import type { Evidence, Finding } from '../../src/diagnosis/evidence.ts'
import { judgeFor } from '../../src/judge.ts'
import { manualPage } from '../support/manual-host.ts'

const closed = (code: number, reason = '', wasClean = true): Finding => ({ kind: 'closed', code, reason, wasClean })
const answered = (status: number, contentType = ''): Finding => ({ kind: 'answered', status, contentType })
const broken: Finding = { kind: 'broken', detail: 'TypeError' }

function judged(finding: Finding, phase: Evidence['phase'] = 'open'): Diagnosis {
  return diagnose({ ...finding, transport: 'sse', phase, elapsedMs: 5, isOnline: true })
}

type Row = [Finding, Evidence['phase'], string, Diagnosis['certainty'], Verdict, Diagnosis['hint']?]

const rows: Row[] = [
  [closed(1006, '', false), 'connect', 'net.unreachable', 'possible', 'fallback'],
  [closed(1002), 'connect', 'net.unreachable', 'possible', 'fallback'],
  [closed(1006, '', false), 'open', 'conn.dropped', 'likely', 'retry'],
  ...[1000, 1001, 1005, 1011, 1012, 1013, 3000, 4000].map(
    (code): Row => [closed(code), 'open', `close.${code}`, 'certain', 'retry'],
  ),
  ...[1008, 4401, 4403].map((code): Row => [closed(code), 'open', `close.${code}`, 'certain', 'stop', 'credentials']),
  [broken, 'connect', 'net.unreachable', 'possible', 'fallback'],
  [broken, 'open', 'conn.dropped', 'certain', 'retry'],
  [{ kind: 'blocked', detail: 'SecurityError' }, 'connect', 'policy.blocked', 'likely', 'fallback'],
  [{ kind: 'ended' }, 'open', 'stream.ended', 'certain', 'retry'],
  [{ kind: 'timeout' }, 'connect', 'net.timeout', 'certain', 'fallback'],
  [{ kind: 'timeout' }, 'open', 'net.timeout', 'certain', 'retry'],
  [{ kind: 'silent' }, 'open', 'conn.stale', 'likely', 'retry'],
  [{ kind: 'unsupported', detail: 'fetch' }, 'connect', 'client.unsupported', 'certain', 'fallback', 'not-offered'],
  [{ kind: 'crowded' }, 'prepare', 'client.pool_exhausted', 'certain', 'fallback'],
  [{ kind: 'unprepared', detail: 'x', isMistake: false }, 'prepare', 'client.unprepared', 'certain', 'retry'],
  [{ kind: 'unprepared', detail: 'x', isMistake: true }, 'prepare', 'client.unprepared', 'certain', 'stop'],
  [{ kind: 'overflow' }, 'send', 'client.outbox_full', 'certain', 'retry'],
  [{ kind: 'expired' }, 'send', 'client.expired', 'certain', 'retry'],
  [{ kind: 'unreadable', detail: 'x' }, 'open', 'client.unreadable', 'certain', 'retry'],
  [{ kind: 'hidden' }, 'open', 'page.hidden', 'certain', 'retry'],
  [{ kind: 'restored' }, 'open', 'conn.restored', 'certain', 'retry'],
  [answered(204), 'connect', 'http.204', 'certain', 'stop'],
  [answered(200, 'text/html'), 'connect', 'http.not_realtime', 'certain', 'fallback', 'not-offered'],
  [answered(201), 'connect', 'http.not_realtime', 'certain', 'fallback', 'not-offered'],
  ...[401, 403].map((status): Row => [answered(status), 'connect', `http.${status}`, 'certain', 'stop', 'credentials']),
  ...[404, 405, 406, 426, 501].map((s): Row => [answered(s), 'connect', `http.${s}`, 'certain', 'fallback', 'not-offered']),
  ...[408, 410, 425, 429, 502, 503, 504].map((s): Row => [answered(s), 'connect', `http.${s}`, 'certain', 'retry']),
  ...[400, 402, 409, 500, 505, 520].map((s): Row => [answered(s), 'connect', `http.${s}`, 'certain', 'fallback']),
]

describe('the table of judgement', () => {
  it.each<Row>(rows)('%j in phase %s is %s, %s: %s, hint %s', (finding, phase, cause, certainty, verdict, hint) => {
    const diagnosis = judged(finding, phase)
    expect(diagnosis).toMatchObject({ cause, certainty, verdict })
    expect(diagnosis.hint).toBe(hint)
    expect(diagnosis.message).toMatch(/./)
    expect(diagnosis.evidence).toEqual({ ...finding, transport: 'sse', phase, elapsedMs: 5, isOnline: true })
  })

  it.each([
    [closed(4000, 'maintenance'), 'The server closed the connection (4000: maintenance).'],
    [closed(1001), 'The server closed the connection (1001).'],
    [answered(503), 'The server answered 503.'],
    [answered(200, 'text/html; charset=utf-8'), 'The answer is text/html; charset=utf-8, not messages.'],
    [answered(200), 'The answer is of no type, not messages.'],
    [{ kind: 'unsupported', detail: 'WebSocket' }, 'This browser lacks WebSocket.'],
  ] as const)('%j says: %s', (finding, message) => {
    expect(judged(finding).message).toBe(message)
  })
})

describe('how a connection ended, as RFC 6455 would say it', () => {
  it.each([
    [closed(4001, 'why', true), 4001, 'why', true],
    [closed(1006, '', false), 1006, '', false],
    [answered(503), 4503, '', true],
    [{ kind: 'ended' }, 1005, '', true],
    [{ kind: 'hidden' }, 1001, '', true],
    [broken, 1006, '', false],
    [{ kind: 'silent' }, 1006, '', false],
    [{ kind: 'restored' }, 1006, '', false],
    [{ kind: 'timeout' }, 1006, '', false],
  ] as const)('%j: %i %j, clean %s', (finding, code, reason, wasClean) => {
    expect(endingOf(judged(finding))).toEqual({ code, reason, wasClean })
  })
})

describe('judge()', () => {
  const { host, reported } = manualPage()
  const judge = (overrule?: (diagnosis: Diagnosis) => Verdict | undefined) =>
    judgeFor(host, false, overrule)(answered(401), 'sse', 'connect', 7)

  it('gives a diagnosis its circumstances', () => {
    expect(judge().evidence).toMatchObject({ transport: 'sse', phase: 'connect', elapsedMs: 7, isOnline: true })
  })

  it('leaves the verdict where it says nothing', () => {
    expect(judge(() => undefined)).toEqual(judge())
  })

  it('overrules it, and the hint with it', () => {
    expect(judge(() => 'retry')).toMatchObject({ verdict: 'retry', cause: 'http.401' })
    expect(judge(() => 'retry')).not.toHaveProperty('hint')
  })

  it('that throws is reported and overrules nothing', () => {
    const error = new Error('mistake')
    const diagnosis = judge(() => {
      throw error
    })
    expect(diagnosis).toEqual(judge())
    expect(reported).toEqual([error])
  })
})
