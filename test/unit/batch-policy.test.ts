import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/api/evidence.ts'
import { BatchPolicy, type BatchRuling } from '../../src/session/batch-policy.ts'

/**
 * The first ruling other than `ask` and `write`, if every POST with the single message fails, and every empty POST, which asks
 * what the server has taken, passes.
 */
function rulingOn(report: Report): BatchRuling | null {
  const policy = new BatchPolicy()
  policy.attached()
  for (let times = 0; times < 20; times += 1) {
    policy.written(7, 1, 100)
    const onFailure = policy.failed(report, true, 0.5)
    if (onFailure.do !== 'ask') return onFailure
    const onAnswer = policy.passed(false, 6)
    if (onAnswer.do !== 'write') return onAnswer
  }
  return null
}

const closed = (code: number): Report => ({ kind: 'closed', code, reason: '', wasClean: true })

describe('[SP10] a single message whose POST fails while empty POSTs pass', () => {
  it.each([4503, 4429])('ends its attachment if the server answers %i, which concerns the server, not the message', (code) => {
    expect(rulingOn(closed(code))).toEqual({ do: 'break', report: closed(code) })
  })

  it.each<[string, Report]>([
    ['is answered with 4500', closed(4500)],
    ['is answered by an intermediary', { kind: 'answered', status: 502, contentType: 'text/html' }],
    ['is not answered', { kind: 'silent' }],
  ])('is withdrawn if it %s', (_, report) => {
    expect(rulingOn(report)).toEqual({ do: 'withdraw', from: 7, to: 7, report })
  })
})
