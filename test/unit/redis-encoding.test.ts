import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { decodeRecord, encodeCold, encodeHot } from '../../src/redis/encoding.ts'
import type { SessionRecord } from '../../src/server/store/ports.ts'

const record: SessionRecord = {
  epoch: 'e1',
  principalId: 'ann',
  principal: { id: 'ann' },
  authenticatedAt: null,
  data: { room: 7 },
  taken: 3,
  done: 2,
  redeliveredThrough: 1,
  lease: { node: 'n', until: 5.5 },
  turn: 1,
  k: 2,
  subscriptions: [{ stream: 1, topic: 'news', epoch: 'e2', from: 40 }],
  lastStream: 1,
  lastEnd: { by: 'client', code: 1000, reason: '' },
  ended: null,
}

const stored = (of: SessionRecord) => [of.principalId, of.epoch, encodeHot(of), encodeCold(of)].map((part) => Buffer.from(part))

describe('a record in Redis', () => {
  it.each<[string, Partial<SessionRecord>]>([
    ['with the usual fields', {}],
    ['whose principal has more than an id', { principal: { id: 'ann', roles: ['admin'], name: 'Ann' } }],
    ['whose principal has its id after other fields', { principal: { roles: [], id: 'ann' } }],
    ['whose principal has another id', { principal: { id: 7, name: 'Ann' } }],
    ['whose principal has no id', { principal: { name: 'Ann' } }],
    ['whose principal is a list', { principal: ['ann'] }],
    ['whose principal is a text', { principal: 'ann' }],
    ['whose principal is null', { principal: null }],
    ['without subscriptions', { subscriptions: [] }],
    [
      'whose subscriptions have a field that this version does not know',
      { subscriptions: [...record.subscriptions, Object.assign({ stream: 2, topic: 't', epoch: 'e', from: 0 }, { since: 1 })] },
    ],
    ['with a field that this version does not know', Object.assign({ turn: 4 }, { later: [1] })],
  ])('%s is decoded to what was encoded', (_, changes) => {
    const before = { ...record, ...changes }
    const after = decodeRecord(stored(before))
    expect(after).toEqual(before)
    expect(JSON.stringify(after.principal)).toBe(JSON.stringify(before.principal))
  })

  it('contains the id of its principal once, and no field names', () => {
    const text = stored(record).map(String).join(' ')
    expect(text.split('ann')).toHaveLength(2)
    expect(text).not.toMatch(/stream|topic|taken/)
  })
})
