import { describe, expect, it } from 'vitest'
import type { Report } from '../../src/api/evidence.ts'
import { BatchPolicy, type BatchRuling } from '../../src/session/batch-policy.ts'

/** A POST of one message fails each time, and the one without a message that asks what is taken passes each time; until a ruling other than these. */
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

describe('[SP10] one message that does not pass while questions do', () => {
  it.each([4503, 4429])('goes on by another attachment where the server says %i, which is not about the message', (code) => {
    expect(rulingOn(closed(code))).toEqual({ do: 'break', report: closed(code) })
  })

  it.each<[string, Report]>([
    ['is answered with 4500', closed(4500)],
    ['is answered by something on the way', { kind: 'answered', status: 502, contentType: 'text/html' }],
    ['is not answered', { kind: 'silent' }],
  ])('is withdrawn where it %s', (_, report) => {
    expect(rulingOn(report)).toEqual({ do: 'withdraw', from: 7, to: 7, report })
  })
})
