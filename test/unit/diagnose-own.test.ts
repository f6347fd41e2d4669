import { describe, expect, it } from 'vitest'
import type { Circumstances } from '../../src/api/evidence.ts'
import { diagnose, isOpenQuestion, type OwnCauses } from '../../src/diagnosis/diagnose.ts'
import { answered, asked, broken, closed, cut, evidenceOf, type Given, heard, recorded, timeout } from '../support/evidence.ts'

const open = { phase: 'open' } as const
const paid: OwnCauses = { 4402: { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' } }

/** The members of the diagnosis that the application's own causes change. */
function differences(given: Given, own: OwnCauses): Readonly<Record<string, unknown>> {
  const ours: Readonly<Record<string, unknown>> = { ...diagnose(evidenceOf(given)) }
  const theirs: Readonly<Record<string, unknown>> = { ...diagnose(evidenceOf(given), own) }
  const names = Object.keys({ ...ours, ...theirs })
  const different = names.filter((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name]))
  return Object.fromEntries(different.map((name) => [name, theirs[name]]))
}

describe("the application's own causes", () => {
  it.each<[string, Given, OwnCauses, Readonly<Record<string, unknown>>]>([
    [
      'by close code',
      { ...closed(4402), ...open },
      paid,
      { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' },
    ],
    ['by HTTP status', answered(402), { 402: { verdict: 'stop' } }, { verdict: 'stop' }],
    ['by HTTP status, inferred', { ...cut, followUp: heard(402) }, { 402: { verdict: 'stop' } }, { verdict: 'stop' }],
    ['by the name of a cause', cut, { 'net.unreachable': { message: 'No way.' } }, { message: 'No way.' }],
    ['by the name of a close', { ...closed(4402), ...open }, { 'close.4402': { remedy: 'Renew it.' } }, { remedy: 'Renew it.' }],
    [
      'by name and by number, of which the name takes precedence',
      answered(402),
      { 402: { message: 'a' }, 'http.402': { message: 'b' } },
      { message: 'b' },
    ],
    ['the message alone', answered(401), { 401: { message: 'Log in.' } }, { message: 'Log in.' }],
    ['the remedy alone', answered(401), { 401: { remedy: 'Log in.' } }, { remedy: 'Log in.' }],
    // A hint narrows the built-in verdict, so it is removed with it.
    ['a verdict, which removes the hint', answered(401), { 401: { verdict: 'retry' } }, { verdict: 'retry', hint: undefined }],
    ['the built-in verdict, which removes the hint too', answered(404), { 404: { verdict: 'fallback' } }, { hint: undefined }],
    ['a message with braces, which are kept', answered(402), { 402: { message: '{status}' } }, { message: '{status}' }],
    ['an empty cause, which changes nothing', answered(401), { 401: {} }, {}],
    ['another close code', { ...closed(4403), ...open }, paid, {}],
    ['an HTTP status with the number of a close code', answered(404), { 4404: { verdict: 'stop' } }, {}],
    ['another cause', cut, { 'net.timeout': { verdict: 'stop' } }, {}],
  ])('change the diagnosis as far as they apply: %s', (_, given, own, expected) => {
    expect(differences(given, own)).toStrictEqual(expected)
  })
})

describe('an inferred status', () => {
  const inferred = (status: number, more: Partial<Circumstances> = {}) => {
    const { verdict, hint, certainty } = diagnose(evidenceOf({ ...cut, followUp: heard(status), ...more }))
    return [verdict, hint, certainty]
  }

  it.each([401, 403])(
    'of %i stops the client only if its single transport has failed again and has never been open before',
    (status) => {
      expect(inferred(status)).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      // Another transport would get the answer of the server itself.
      expect(inferred(status, { isRepeated: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, isOnlyWay: true, hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, isOnlyWay: true })).toEqual(['stop', 'credentials', 'likely'])
    },
  )

  it.each([404, 410, 429, 500, 503])('of %i neither stops the client nor leaves a transport out', (status) => {
    for (const isRepeated of [true, false]) expect(inferred(status, { isRepeated })).toEqual(['fallback', undefined, 'likely'])
  })

  it.each([200, 401, 403])('of %i with an HTML page does not stop the client', (status) => {
    const { verdict, hint } = diagnose(
      evidenceOf({ ...cut, isRepeated: true, isOnlyWay: true, followUp: heard(status, { contentType: 'text/html' }) }),
    )
    expect([verdict, hint]).toEqual(['fallback', undefined])
  })
})

describe('isOpenQuestion()', () => {
  it.each<[boolean, Given]>([
    [true, cut],
    [true, closed(4401)],
    [true, broken],
    [true, { ...broken, ...open }],
    [true, timeout],
    [true, { kind: 'silent', ...open }],
    [true, { kind: 'blocked', detail: 'SecurityError', how: 'thrown' }],
    [true, { kind: 'mismatch', detail: 'x', isHandshake: true }],
    [true, { ...cut, isRepeated: true, followUp: recorded() }],
    // There are no follow-up questions about what is certain, nor about what no server knows.
    [false, { kind: 'mismatch', detail: 'x' }],
    [false, { ...cut, violation: 'connect-src' }],
    [false, { ...cut, url: 'http://api.example:22/' }],
    [false, { ...cut, isOnline: false, followUp: asked({ page: 'failed' }) }],
    [false, { ...cut, ...open }],
    [false, { ...closed(1005), ...open }],
    [false, { ...closed(4401), isSession: true }],
    [false, closed(1015)],
    [false, { ...broken, isBody: true, ...open }],
    [false, { kind: 'ended', isCutOff: true, ...open }],
    [false, { kind: 'ended', engine: 'webkit', ...open }],
    [false, answered(503)],
    [false, { kind: 'crowded' }],
    [false, { kind: 'unsupported', detail: 'fetch' }],
    [false, { kind: 'hidden', ...open }],
  ])('is %j for %j', (isOpen, given) => {
    expect(isOpenQuestion(diagnose(evidenceOf(given)))).toBe(isOpen)
  })
})
