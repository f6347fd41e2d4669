import { describe, expect, it } from 'vitest'
import { withDefaults } from '../../src/client/defaults.ts'
import { settingsOf } from '../../src/client/settings.ts'
import { recall, remember } from '../../src/connection/transport-memory.ts'
import { hostNames } from '../../src/host/browser.ts'
import type { RealtimeOptions } from '../../src/index.ts'
import { nchan } from '../../src/protocols/nchan.ts'
import { session } from '../../src/session/index.ts'
import { manualPage } from '../support/manual-host.ts'

const key = 'steadfast:https://api.example'
const ttlMs = 30 * 60_000

const three: RealtimeOptions = { transports: ['websocket', 'sse', 'poll'] }

function benchOf(storage = new Map<string, string>(), url = 'wss://api.example/realtime?token=secret', options = three) {
  const page = manualPage({ now: 1_000_000, storage })
  const settings = settingsOf(url, withDefaults(options), page.host, hostNames)
  return {
    ...page,
    recall: () => recall(settings, page.host),
    remember: (rank: number | null, rtt: number | null = 40) => remember(rank, rtt, settings, page.host),
  }
}

/** A bench in which somebody else has replaced the stored memory of the endpoint. */
function stored(memory: string) {
  const bench = benchOf()
  bench.remember(1)
  const [[endpoint] = ['']] = Object.entries(JSON.parse(bench.storage.get(key) ?? ''))
  bench.storage.set(key, `{${JSON.stringify(endpoint)}:${memory}}`)
  return bench
}

describe('the transport memory', () => {
  it('keeps a rank for its endpoint for half an hour, and stores no secret of the URL', () => {
    const { storage, clock, recall, remember } = benchOf()
    expect(recall()).toBeNull()
    remember(1)
    expect(recall()).toEqual({ rank: 1, roundTripMs: 40, until: 1_000_000 + ttlMs })
    expect([...storage.keys()]).toEqual([key])
    expect(storage.get(key)).not.toContain('secret')
    clock.advance(ttlMs - 1)
    expect(recall()).not.toBeNull()
    clock.advance(1)
    expect(recall()).toBeNull()
  })

  it('is not prolonged by the same rank, so that it always ends', () => {
    const { clock, recall, remember } = benchOf()
    remember(1)
    clock.advance(ttlMs - 1)
    remember(1, 50)
    expect(recall()).toEqual({ rank: 1, roundTripMs: 50, until: 1_000_000 + ttlMs })
    remember(0)
    expect(recall()?.until).toBe(1_000_000 + 2 * ttlMs - 1)
  })

  it('is removed when no transport is known to work', () => {
    const { storage, remember } = benchOf()
    remember(1)
    remember(null)
    expect(storage.size).toBe(0)
  })

  it('may have no round trip', () => {
    const { recall, remember } = benchOf()
    remember(2, null)
    expect(recall()).toMatchObject({ rank: 2, roundTripMs: null })
  })

  it.each([
    ['null', 'null'],
    ['a list', '[1,2]'],
    ['a number', '7'],
    ['without a transport', '{"until":1000001}'],
    ['of a transport that is not on the list', `{"transport":"long-poll","until":1000001}`],
    ['of an unknown transport', `{"transport":"carrier-pigeon","until":1000001}`],
    ['without an end', '{"transport":"sse"}'],
    ['with an end that is no number', '{"transport":"sse","until":"never"}'],
    ['with an end too far away', `{"transport":"sse","until":${1_000_001 + ttlMs}}`],
    ['of the past', '{"transport":"sse","until":1000000}'],
  ])('ignores an entry that somebody else stored: %s', (_, memory) => {
    expect(stored(memory).recall()).toBeNull()
  })

  it.each(['{"transport":', 'null', '[1,2]', '7', '"sse"', '{"transport":"sse","until":1000001}'])(
    'ignores and overwrites what somebody else stored for the origin: %s',
    (text) => {
      const bench = benchOf(new Map([[key, text]]))
      expect(bench.recall()).toBeNull()
      bench.remember(1)
      expect(bench.recall()).toMatchObject({ rank: 1 })
    },
  )

  it('ignores a round trip that is no number', () => {
    expect(stored('{"transport":"sse","until":1000001,"roundTripMs":"fast"}').recall()).toMatchObject({ roundTripMs: null })
  })

  it('treats storage that throws as empty', () => {
    const page = manualPage()
    const host = {
      ...page.host,
      recall(): string | null {
        throw new Error('SecurityError')
      },
    }
    expect(recall(settingsOf('wss://api.example/', withDefaults({}), host, hostNames), host)).toBeNull()
  })
})

describe('the transport memory of an endpoint', () => {
  const feed = 'https://api.example/feed'
  it.each<[string, string, RealtimeOptions]>([
    ['another path', 'https://api.example/chat', three],
    ['another origin', 'https://other.example/feed', three],
    ['the other mode', feed, { ...three, protocol: session() }],
    ['another protocol', feed, { ...three, protocol: nchan() }],
    ['a client that has poll alone', feed, { transports: ['poll'] }],
    ['a client without WebSocket', feed, { transports: ['sse', 'poll'] }],
    ['a client whose event stream is elsewhere', feed, { transports: ['websocket', { type: 'sse', url: '/stream' }, 'poll'] }],
  ])('is not shared with %s', (_, url, options) => {
    const storage = new Map<string, string>()
    const [own, other] = [benchOf(storage, feed), benchOf(storage, url, options)]
    other.remember(0)
    expect(own.recall()).toBeNull()
    own.remember(2)
    expect(other.recall()).toMatchObject({ rank: 0 })
    other.remember(null)
    expect([own.recall()?.rank, other.recall()]).toEqual([2, null])
  })

  it.each(['wss://api.example/feed', 'https://api.example/feed?token=another'])('is shared with %s', (url) => {
    const storage = new Map<string, string>()
    benchOf(storage, feed).remember(2)
    expect(benchOf(storage, url).recall()).toMatchObject({ rank: 2 })
  })

  it('is kept only for the latest of a thousand endpoints', () => {
    const storage = new Map<string, string>()
    for (let room = 1; room <= 1000; room += 1) benchOf(storage, `${feed}/${room}`).remember(1)
    expect(benchOf(storage, `${feed}/1000`).recall()).toMatchObject({ rank: 1 })
    expect(benchOf(storage, `${feed}/900`).recall()).toBeNull()
    expect([...storage.values()].join('').length).toBeLessThan(5000)
  })
})
