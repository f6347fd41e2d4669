import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { snippetNamed } from '../support/readme.ts'
import { jestSnippet } from '../support/readme-testing.ts'
import { root } from './package.ts'

/** The tests of the guide for Vitest, written for Jest, and over every transport. */
const more = `
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { RealtimeClient } from 'steadfast'
import { session } from 'steadfast/session'
import { createFakeServer } from 'steadfast/testing'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

test.each(['websocket', 'sse', 'long-poll', 'poll'])('a session over %s loses nothing', async (transport) => {
  const server = createFakeServer()
  const options = { protocol: session(), transports: [transport], ...server.options }
  const client = new RealtimeClient('https://example.test/chat', options)
  const seen = []
  client.on('message', ({ data }) => seen.push(data))
  client.on('error', ({ diagnosis }) => seen.push(diagnosis.cause.split('.')[0]))
  await server.nextConnection()
  server.down()
  client.send('up')
  server.send('down')
  await jest.advanceTimersByTimeAsync(10_000)
  server.accept()
  await jest.advanceTimersByTimeAsync(30_000)
  expect(seen.at(-1)).toBe('down')
  expect(server.takeMessages()).toEqual(['up'])
  const closing = client.close()
  await jest.advanceTimersByTimeAsync(10_000)
  await closing
  server.close()
  await jest.advanceTimersByTimeAsync(10_000)
  expect(jest.getTimerCount()).toBe(0)
})

test('a client in plain mode works with real timers', async () => {
  jest.useRealTimers()
  const server = createFakeServer()
  const client = new RealtimeClient('https://example.test/chat', server.options)
  client.send('hello')
  expect(await server.nextMessage()).toBe('hello')
  await client.close()
  expect(server.close()).toEqual([])
})
`

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-jest-'))
  mkdirSync(`${folder}/node_modules`)
  symlinkSync(root, `${folder}/node_modules/steadfast`)
  symlinkSync(`${root}node_modules/@jest`, `${folder}/node_modules/@jest`)
  writeFileSync(`${folder}/package.json`, JSON.stringify({ jest: { testEnvironment: 'node', transform: {} } }))
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 }
  for (const [name, code] of [
    ['guide', snippetNamed(jestSnippet).code],
    ['more', more],
  ] as const)
    writeFileSync(`${folder}/${name}.test.js`, ts.transpileModule(code, { compilerOptions }).outputText)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('the fake server works in Jest, with its fake timers', async () => {
  const told = await new Promise<string>((resolve) => {
    const parameters = [`${root}node_modules/jest/bin/jest.js`, '--runInBand', '--json', '--silent', `--rootDir=${folder}`]
    execFile(process.execPath, parameters, { cwd: folder }, (_, stdout, stderr) => resolve(stdout || stderr))
  })
  const { success, numPassedTests, testResults } = JSON.parse(told)
  expect(testResults.map(({ message }: { message: string }) => message).join('')).toBe('')
  expect([success, numPassedTests]).toEqual([true, 6])
})
