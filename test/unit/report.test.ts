import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { withDefaults } from '../../src/client/defaults.ts'
import { safeOptions, version } from '../../src/client/report.ts'
import { session } from '../../src/session/index.ts'
import { sse } from '../../src/transports/built-in.ts'

it('the version is that of the package', () => {
  expect(version).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version)
})

it('the report has a built-in transport as it was configured, by name or by factory', () => {
  const { transports, diagnosis } = safeOptions(withDefaults({ transports: ['websocket', { type: 'poll', intervalMs: 900 }] }))
  expect(transports).toEqual(['websocket', { type: 'poll', intervalMs: 900 }])
  expect(diagnosis).toBe('object')
  expect(safeOptions({ headers: { create: 'secret', settings: { secret: 'secret' } } })).toEqual({ headers: 'object' })
  expect(safeOptions({ transports: [sse({ sendUrl: '/secret' })] })).toEqual({ transports: [{ type: 'sse', sendUrl: 'string' }] })
})

it('the report has the options in a fixed order, without values that may be secret', () => {
  const options = {
    transports: ['websocket', { type: 'sse', url: 'https://user:secret@host/?token=secret', query: { token: 'secret' } }],
    protocol: session(),
    prepare: () => 'secret',
    sessionKey: 'secret',
    outbox: { messages: 10, overflow: 'error' },
    causes: { secret: { message: 'secret' } },
    headers: { secret: 'secret' },
    connectTimeoutMs: 500,
    retry: false,
    codec: undefined,
  }
  const told = JSON.stringify(safeOptions(options))
  expect(told).not.toContain('"secret"')
  expect(told).not.toMatch(/secret@|=secret/)
  expect(safeOptions(options)).toMatchObject({
    protocol: 'session',
    prepare: 'function',
    connectTimeoutMs: 500,
    retry: false,
    outbox: { messages: 10 },
    transports: ['websocket', { type: 'sse', url: 'string' }],
  })
  expect(Object.keys(safeOptions(options))).toEqual(
    Object.keys(safeOptions(Object.fromEntries(Object.entries(options).reverse()))),
  )
})
