import { describe, expect, it } from 'vitest'
import { ladderOf, proven } from '../../src/connection/ladder.ts'
import { recall, remember } from '../../src/memory.ts'
import { settingsOf } from '../../src/settings.ts'
import { manualPage } from '../support/manual-host.ts'

const key = 'steadfast:https://api.example'
const ttlMs = 30 * 60_000
const url = 'wss://api.example/realtime?token=secret'

function benchOf(stored?: string, storage = new Map<string, string>()) {
  const page = manualPage({ now: 1_000_000, storage })
  if (stored !== undefined) storage.set(key, stored)
  const settings = settingsOf(url, { transports: ['websocket', 'sse', 'poll'] }, page.host)
  const ladder = ladderOf(3, null)
  return {
    ...page,
    recall: () => recall(settings, page.host),
    remember: (rung: number | null, rtt: number | null = 40) =>
      remember(rung === null ? ladder : proven(ladder, rung, 0), rtt, settings, page.host),
  }
}

describe('what worked here', () => {
  it('is remembered for its origin, for half an hour, and holds nothing secret', () => {
    const { storage, clock, recall, remember } = benchOf()
    expect(recall()).toBeNull()
    remember(1)
    expect(recall()).toEqual({ rung: 1, roundTripMs: 40, until: 1_000_000 + ttlMs })
    expect([...storage.keys()]).toEqual([key])
    expect(storage.get(key)).not.toContain('secret')
    clock.advance(ttlMs - 1)
    expect(recall()).not.toBeNull()
    clock.advance(1)
    expect(recall()).toBeNull()
  })

  it('is not remembered for longer by being seen again, so that it always ends', () => {
    const { clock, recall, remember } = benchOf()
    remember(1)
    clock.advance(ttlMs - 1)
    remember(1, 50)
    expect(recall()).toEqual({ rung: 1, roundTripMs: 50, until: 1_000_000 + ttlMs })
    remember(0)
    expect(recall()?.until).toBe(1_000_000 + 2 * ttlMs - 1)
  })

  it('is forgotten when nothing is known to work', () => {
    const { storage, remember } = benchOf()
    remember(1)
    remember(null)
    expect(storage.size).toBe(0)
  })

  it('may know no round trip', () => {
    const { recall, remember } = benchOf()
    remember(2, null)
    expect(recall()).toMatchObject({ rung: 2, roundTripMs: null })
  })

  it.each([
    ['no JSON', '{"transport":'],
    ['null', 'null'],
    ['of another kind', '[1,2]'],
    ['a number', '7'],
    ['without a transport', '{"until":1000001}'],
    ['of a transport that is not on the list', `{"transport":"long-poll","until":1000001}`],
    ['of no transport that there is', `{"transport":"carrier-pigeon","until":1000001}`],
    ['without an end', '{"transport":"sse"}'],
    ['with an end that is no number', '{"transport":"sse","until":"never"}'],
    ['with an end too far away', `{"transport":"sse","until":${1_000_001 + ttlMs}}`],
    ['of the past', '{"transport":"sse","until":1000000}'],
  ])('what somebody else stored is not believed: %s', (_, stored) => {
    expect(benchOf(stored).recall()).toBeNull()
  })

  it('a round trip that is none is left out', () => {
    expect(benchOf('{"transport":"sse","until":1000001,"roundTripMs":"fast"}').recall()).toMatchObject({ roundTripMs: null })
  })

  it('storage that throws is storage without anything in it', () => {
    const page = manualPage()
    const host = {
      ...page.host,
      recall(): string | null {
        throw new Error('SecurityError')
      },
    }
    expect(recall(settingsOf(url, {}, host), host)).toBeNull()
  })
})
