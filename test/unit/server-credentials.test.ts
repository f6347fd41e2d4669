import { describe, expect, it } from 'vitest'
import { readFrame } from '../../src/server/delivery/parse-frames.ts'
import { authenticatedUntil, CredentialCheck, isNearExpiry } from '../../src/server/session/credential-check.ts'
import { authenticated } from '../../src/server/session/join-request.ts'
import { recordOf } from '../../src/server/testing/session-trial.ts'

describe('[SP13] a credential check', () => {
  it('asks for credentials 10 s before the deadline, and ends at the deadline', () => {
    const check = new CredentialCheck()
    expect([0, 89_999].map((now) => check.tick(100_000, now))).toEqual(['nothing', 'nothing'])
    expect(check.isAwaiting).toBe(false)
    expect([90_000, 90_001, 99_999, 100_000].map((now) => check.tick(100_000, now))).toEqual(['ask', 'nothing', 'nothing', 'end'])
  })

  it('asks a quarter of a short lifetime before its end, and leaves a second to answer if it asks late', () => {
    const check = new CredentialCheck()
    expect([0, 2999, 3000, 3999, 4000].map((now) => check.tick(4000, now))).toEqual([
      'nothing',
      'nothing',
      'ask',
      'nothing',
      'end',
    ])
    const late = new CredentialCheck()
    expect([5000, 5999, 6000].map((now) => late.tick(4000, now))).toEqual(['ask', 'nothing', 'end'])
  })

  it('stops waiting at an answer, and starts over with the deadline of the fresh credentials', () => {
    const check = new CredentialCheck()
    check.tick(4000, 0)
    check.tick(4000, 3000)
    expect(check.isAwaiting).toBe(true)
    check.answered()
    expect(check.isAwaiting).toBe(false)
    expect([3100, 6999, 7000].map((now) => check.tick(8000, now))).toEqual(['nothing', 'ask', 'nothing'])
    expect(check.isAwaiting).toBe(true)
  })

  it('ends at the earlier of the expiry and reauthenticateMs', () => {
    const record = recordOf({ principal: { id: 'ann', expiresAt: 5000 }, authenticatedAt: 1000 })
    expect([Infinity, 9000, 3000].map((ms) => authenticatedUntil(record, 0, ms))).toEqual([5000, 5000, 4000])
    // The wall clock is set forward by 600 ms: the interval stays.
    expect([Infinity, 3000].map((ms) => authenticatedUntil(record, -600, ms))).toEqual([4400, 4000])
    expect(authenticatedUntil(recordOf({ principal: { id: 'ann' } }), 0)).toBe(Infinity)
  })

  it('asks a polling client in the second half of a short lifetime, or in the last minute of a long one', () => {
    const short = recordOf({ principal: { id: 'ann', expiresAt: 11_000 }, authenticatedAt: 1000 })
    expect([5000, 6001].map((now) => isNearExpiry(short, now))).toEqual([false, true])
    const long = recordOf({ principal: { id: 'ann', expiresAt: 901_000 }, authenticatedAt: 1000 })
    expect([840_000, 842_000].map((now) => isNearExpiry(long, now))).toEqual([false, true])
    expect(isNearExpiry(recordOf({ principal: { id: 'ann' } }), 1e15)).toBe(false)
  })
})

describe('[SP13] the principal of a record', () => {
  const record = recordOf({ principal: { id: 'ann', role: 'guest' }, authenticatedAt: 0 })
  const at = (now: number, reauthenticateMs = Infinity) => ({ now, reauthenticateMs })

  it('is updated when it has changed, and causes no write when it has not', () => {
    expect(authenticated(record, { role: 'guest', id: 'ann' }, at(5))).toBe(record)
    expect(authenticated(record, { id: 'ann', role: 'admin' }, at(5))).toMatchObject({ principal: { role: 'admin' } })
    expect(authenticated(record, { id: 'ann', role: 'guest', expiresAt: 9e12 }, at(5))).toMatchObject({ authenticatedAt: 5 })
  })

  it('has its authenticatedAt renewed at most twice in reauthenticateMs', () => {
    const { principal } = record
    const first = authenticated(record, principal as never, at(10_000, 8000))
    expect(first.authenticatedAt).toBe(10_000)
    expect(authenticated(first, principal as never, at(13_999, 8000))).toBe(first)
    expect(authenticated(first, principal as never, at(14_000, 8000)).authenticatedAt).toBe(14_000)
    // A clock that was set back must not stop the renewal.
    expect(authenticated(first, principal as never, at(0, 8000)).authenticatedAt).toBe(0)
  })

  it('counts as authenticated again after a refusal', () => {
    const refused = recordOf({ ...record, authenticatedAt: null })
    expect(authenticated(refused, { id: 'ann', role: 'guest' }, at(5)).authenticatedAt).toBe(0)
  })
})

describe('readFrame() of a credentials frame', () => {
  it.each<[string, unknown]>([
    ['c{}', { type: 'credentials', auth: undefined }],
    ['c{"auth":null}', { type: 'credentials', auth: null }],
    ['c{"auth":{"token":"x"},"later":1}', { type: 'credentials', auth: { token: 'x' } }],
    ['c', null],
    ['c[]', null],
    ['c{', null],
    ['c"auth"', null],
  ])('%s returns the auth, or null if it is malformed', (text, frame) => {
    expect(readFrame(text)).toEqual(frame)
  })
})
