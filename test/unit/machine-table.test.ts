import { describe, expect, it } from 'vitest'
import { commandsBetween } from '../../src/connection/machine/effects.ts'
import type { Input } from '../../src/connection/machine/state.ts'
import { transition } from '../../src/connection/machine/transition.ts'
import { Driver, type DriverOptions, diagnosisOf, findings } from '../support/machine-driver.ts'

const { refused } = findings
const two: DriverOptions = { names: ['websocket', 'sse'], traits: { websocket: { canPing: true } } }
const connecting = () => new Driver(two).connect().pass(600)
const waiting = () => new Driver(two).connect().failed('websocket', refused).failed('sse', refused)

/** A driver in each kind of state. */
const states = {
  idle: () => new Driver(two),
  connecting,
  contested: () => connecting().opened('sse'),
  open: () => new Driver(two).connect().opened('websocket').received(),
  waiting,
  offline: () => waiting().signal('offline'),
  'after pagehide': () => connecting().signal('pagehide'),
  closed: () => connecting().close(),
} as const

type Place = keyof typeof states

const bye: Input = { type: 'close', code: 1000, reason: 'bye' }
const page = (type: 'online' | 'offline' | 'visible' | 'hidden' | 'pagehide' | 'freeze' | 'resume'): Input => ({
  type: 'page',
  signal: { type },
})
const inputs = {
  connect: { type: 'connect' },
  reconnect: { type: 'reconnect' },
  close: bye,
  online: page('online'),
  offline: page('offline'),
  hidden: page('hidden'),
  freeze: page('freeze'),
  visible: page('visible'),
  resume: page('resume'),
  pagehide: page('pagehide'),
  shown: { type: 'page', signal: { type: 'pageshow', persisted: false } },
  restored: { type: 'page', signal: { type: 'pageshow', persisted: true } },
  'refined to stop': { type: 'refined', diagnosis: diagnosisOf(findings.answered(204), 'connect') },
  'refined to refused': { type: 'refined', diagnosis: diagnosisOf(findings.answered(401), 'connect') },
  'refined to retry': { type: 'refined', diagnosis: diagnosisOf(findings.answered(503), 'connect') },
  'refined to fallback': { type: 'refined', diagnosis: diagnosisOf(findings.answered(404), 'connect') },
} as const satisfies Record<string, Input>

const both = ['hang-up websocket', 'hang-up sse']
const closedNow = ['close 1000, final', 'state closed']
const stopped = ['close 4204, final', 'state closed']
const denied = ['close 4401, final', 'state closed']
const anew = [...both, 'dial websocket', 'state connecting']
const dialled = ['dial websocket', 'state connecting']

/** The visible effects of each input in each state; an input that is not listed has none. */
const table: Record<Place, Partial<Record<keyof typeof inputs, readonly string[]>>> = {
  idle: { connect: dialled, close: closedNow },
  connecting: {
    reconnect: anew,
    close: [...both, ...closedNow],
    resume: anew,
    restored: anew,
    pagehide: [...both, 'state waiting'],
    'refined to stop': [...both, ...stopped],
    'refined to refused': [...both, ...denied],
  },
  contested: {
    reconnect: ['hang-up sse', 'hang-up websocket', 'dial websocket', 'close 1000, again in 0', 'state connecting'],
    close: ['hang-up sse', 'hang-up websocket', ...closedNow],
    resume: ['ping sse'],
    restored: ['hang-up sse', 'error conn.restored', 'close 1006, again in 0', 'state connecting'],
    pagehide: ['hang-up sse', 'hang-up websocket', 'close 1001', 'state waiting'],
  },
  open: {
    reconnect: ['hang-up websocket', 'dial websocket', 'close 1000, again in 0', 'state connecting'],
    close: ['hang-up websocket', ...closedNow],
    online: ['ping websocket'],
    offline: ['ping websocket'],
    resume: ['ping websocket'],
    restored: ['hang-up websocket', 'error conn.restored, again in 125', 'close 1006, again in 125', 'state waiting'],
    pagehide: ['hang-up websocket', 'close 1001', 'state waiting'],
  },
  waiting: {
    connect: dialled,
    reconnect: dialled,
    close: closedNow,
    offline: ['state offline'],
    pagehide: ['state waiting'],
    'refined to stop': stopped,
    'refined to refused': denied,
  },
  offline: {
    connect: dialled,
    reconnect: dialled,
    close: closedNow,
    online: ['state waiting'],
    pagehide: ['state offline'],
    'refined to stop': stopped,
    'refined to refused': denied,
  },
  'after pagehide': {
    connect: dialled,
    reconnect: dialled,
    close: closedNow,
    online: ['state waiting'],
    offline: ['state offline'],
    visible: ['state waiting'],
    resume: ['state waiting'],
    shown: ['state waiting'],
    restored: ['state waiting'],
    'refined to stop': stopped,
    'refined to refused': denied,
  },
  closed: { connect: dialled },
}

const places = Object.keys(states) as Place[]
const rows = places.flatMap((place) =>
  (Object.keys(inputs) as (keyof typeof inputs)[]).map((name) => [place, name, table[place][name] ?? []] as const),
)

describe('state × input', () => {
  it.each(rows)('%s, %s: %j', (place, name, expected) => {
    const driver = states[place]()
    driver.lines()
    driver.apply(inputs[name])
    expect(driver.lines().map((line) => line.replace(/^\d+ /, ''))).toEqual(expected)
  })
})

const stale = [0, 999].flatMap((id): Input[] => [
  { type: 'prepared', id },
  { type: 'opened', id, hasCursor: true, roundTripMs: 1 },
  { type: 'failed', id, diagnosis: diagnosisOf(refused, 'connect') },
  { type: 'heard', id, hasCursor: true },
  { type: 'message', id, isIncoming: true },
])

describe('an input that comes too late or too early', () => {
  it.each(places)('from an attempt that has ended changes nothing in the state %s', (place) => {
    const driver = states[place]()
    driver.apply(page('hidden'))
    const { state } = driver
    for (const input of stale) expect(transition(state, input, driver.now, driver.policy)).toBe(state)
  })

  it.each(places)('that is a deadline not yet due changes nothing in the state %s', (place) => {
    const driver = states[place]()
    driver.apply(page('hidden'))
    const { state } = driver
    const input: Input = { type: 'deadline', heardAt: 0, hasCursor: false }
    expect(driver.deadline).toBeGreaterThan(driver.now)
    expect(transition(state, input, driver.now, driver.policy)).toBe(state)
  })

  it('that does not fit the phase of its attempt changes nothing', () => {
    const driver = states.contested()
    const challenger = driver.idOf('websocket')
    const link = driver.idOf('sse')
    const { state, now, policy } = driver.apply(page('hidden'))
    expect(transition(state, { type: 'heard', id: 999, hasCursor: true }, now, policy)).toBe(state)
    expect(transition(state, { type: 'message', id: challenger, isIncoming: false }, now, policy)).toBe(state)
    expect(transition(state, { type: 'prepared', id: link }, now, policy)).toBe(state)
    const dialling = states.connecting()
    const first = dialling.state
    expect(transition(first, { type: 'heard', id: dialling.idOf('sse'), hasCursor: true }, 600, policy)).toBe(first)
  })
})

describe('a closed client', () => {
  it('ignores close(), page events, late inputs and the passage of time', () => {
    const driver = states.closed()
    const { state } = driver
    driver.lines()
    driver.apply(bye).apply({ type: 'deadline', heardAt: 0, hasCursor: false }).pass(86_400_000)
    for (const input of [...stale, ...Object.values(inputs).filter(({ type }) => type === 'page')]) driver.apply(input)
    expect(driver.lines()).toEqual([])
    expect(driver.deadline).toBe(Infinity)
    expect(driver.state).toMatchObject({ status: 'closed', code: 1000, reason: 'bye' })
    expect(commandsBetween(state, driver.state)).toEqual([])
  })

  it('forgets its failures at connect(), but not what is known of the transports', () => {
    const driver = new Driver(two).connect().failed('websocket', refused).failed('sse', findings.answered(404)).close().connect()
    expect(driver.state).toMatchObject({ failures: 0, outageSince: null, isRefreshed: false })
    expect(driver.failed('websocket', refused).live).toEqual([])
  })
})

describe('the deadline of a state', () => {
  it.each(places)('leads to progress in the state %s, with and without a cursor', (place) => {
    for (const hasCursor of [true, false]) {
      const driver = states[place]()
      driver.hasCursor = hasCursor
      expect(() => driver.pass(3_600_000)).not.toThrow()
    }
  })

  it('a failure is reported once', () => {
    const driver = waiting()
    expect(driver.state.newFailures).toHaveLength(1)
    expect(driver.signal('hidden').state.newFailures).toEqual([])
  })
})
