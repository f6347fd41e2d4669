import { describe, expect, it } from 'vitest'
import type { Circumstances } from '../../src/api/evidence.ts'
import { diagnose, isOpenQuestion, type OwnCauses } from '../../src/diagnosis/diagnose.ts'
import { answered, asked, broken, closed, cut, evidenceOf, type Given, heard, recorded, timeout } from '../support/evidence.ts'

const open = { phase: 'open' } as const
const paid: OwnCauses = { 4402: { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' } }

/** What the application's causes make of it, as far as it differs from what we do. */
function differences(given: Given, own: OwnCauses): Readonly<Record<string, unknown>> {
  const ours: Readonly<Record<string, unknown>> = { ...diagnose(evidenceOf(given)) }
  const theirs: Readonly<Record<string, unknown>> = { ...diagnose(evidenceOf(given), own) }
  const names = Object.keys({ ...ours, ...theirs })
  const different = names.filter((name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name]))
  return Object.fromEntries(different.map((name) => [name, theirs[name]]))
}

describe('causes of the application’s own', () => {
  it.each<[string, Given, OwnCauses, Readonly<Record<string, unknown>>]>([
    [
      'by close code',
      { ...closed(4402), ...open },
      paid,
      { message: 'The plan has ended.', remedy: 'Renew it.', verdict: 'stop' },
    ],
    ['by HTTP status', answered(402), { 402: { verdict: 'stop' } }, { verdict: 'stop' }],
    ['by HTTP status, inferred', { ...cut, followUp: heard(402) }, { 402: { verdict: 'stop' } }, { verdict: 'stop' }],
    ['by the name of ours', cut, { 'net.unreachable': { message: 'No way.' } }, { message: 'No way.' }],
    ['by the name of a close', { ...closed(4402), ...open }, { 'close.4402': { remedy: 'Renew it.' } }, { remedy: 'Renew it.' }],
    [
      'by name and by number: the name is meant more closely',
      answered(402),
      { 402: { message: 'a' }, 'http.402': { message: 'b' } },
      { message: 'b' },
    ],
    ['the message alone', answered(401), { 401: { message: 'Log in.' } }, { message: 'Log in.' }],
    ['the remedy alone', answered(401), { 401: { remedy: 'Log in.' } }, { remedy: 'Log in.' }],
    // A hint narrows our verdict, so it goes with it.
    ['a verdict, and our hint with it', answered(401), { 401: { verdict: 'retry' } }, { verdict: 'retry', hint: undefined }],
    ['a verdict that is ours, too', answered(404), { 404: { verdict: 'fallback' } }, { hint: undefined }],
    ['words that look like members of the evidence', answered(402), { 402: { message: '{status}' } }, { message: '{status}' }],
    ['nothing at all', answered(401), { 401: {} }, {}],
    ['another close code', { ...closed(4403), ...open }, paid, {}],
    ['a status of that number', answered(404), { 4404: { verdict: 'stop' } }, {}],
    ['another cause', cut, { 'net.timeout': { verdict: 'stop' } }, {}],
  ])('%s', (_, given, own, expected) => {
    expect(differences(given, own)).toStrictEqual(expected)
  })
})

describe('what was only inferred', () => {
  const inferred = (status: number, more: Partial<Circumstances> = {}) => {
    const { verdict, hint, certainty } = diagnose(evidenceOf({ ...cut, followUp: heard(status), ...more }))
    return [verdict, hint, certainty]
  }

  it.each([401, 403])(
    '%i stops only the one way that there is, if it failed again after it and has never been open',
    (status) => {
      expect(inferred(status)).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      // Another transport would be told by the server itself.
      expect(inferred(status, { isRepeated: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, isOnlyWay: true, hasOpened: true })).toEqual(['fallback', undefined, 'likely'])
      expect(inferred(status, { isRepeated: true, isOnlyWay: true })).toEqual(['stop', 'credentials', 'likely'])
    },
  )

  it.each([404, 410, 429, 500, 503])('%i never does, nor is a transport left out for it', (status) => {
    for (const isRepeated of [true, false]) expect(inferred(status, { isRepeated })).toEqual(['fallback', undefined, 'likely'])
  })

  it.each([200, 401, 403])('a page that answers %i never does either', (status) => {
    const { verdict, hint } = diagnose(
      evidenceOf({ ...cut, isRepeated: true, isOnlyWay: true, followUp: heard(status, { contentType: 'text/html' }) }),
    )
    expect([verdict, hint]).toEqual(['fallback', undefined])
  })
})

describe('more could be found out', () => {
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
    // What is certain is not asked about, nor what no server knows.
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
  ])('%j of %j', (isOpen, given) => {
    expect(isOpenQuestion(diagnose(evidenceOf(given)))).toBe(isOpen)
  })
})
