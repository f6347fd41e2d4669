import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { defaultLimits } from '../../src/server/limits.ts'
import { tableOf } from '../support/readme.ts'

const security = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

it('SECURITY.md names every limit of the server with its default', () => {
  const told = tableOf(security, 'limit').map(({ limit = '', default: value = '' }) => [limit, value])
  expect(told).toEqual(Object.entries(defaultLimits).map(([limit, value]) => [limit, value.toLocaleString('en')]))
})

it('SECURITY.md supports the version of the package', () => {
  const supported = tableOf(security, 'version').filter(({ fixes }) => fixes === 'yes')
  expect(supported.map(({ version: line }) => line)).toContain(version.replace(/\.\d+$/, '.x'))
})
