import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './package.ts'

const cases = `
  const close = () => Promise.resolve()
  for (const { name, run } of topicLogContract(async () => {
    const { topics } = memoryStore()
    return { nodes: [topics, topics], close }
  })) it(name, run)
  for (const { name, run } of sessionStoreContract(async () => {
    const { sessions } = memoryStore()
    return { nodes: [sessions, sessions], close }
  })) it(name, run)
`
const required = `
  const { memoryStore } = require('steadfast/server')
  const { sessionStoreContract, topicLogContract } = require('steadfast/server/testing')
`
const files = {
  'node.test.mjs': `
    import { it } from 'node:test'
    import { memoryStore } from 'steadfast/server'
    import { sessionStoreContract, topicLogContract } from 'steadfast/server/testing'
    ${cases}`,
  'node.test.cjs': `const { it } = require('node:test')\n${required}${cases}`,
  'jest.spec.js': `${required}${cases}`,
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-contracts-'))
  mkdirSync(`${folder}/node_modules`)
  symlinkSync(root, `${folder}/node_modules/steadfast`)
  writeFileSync(
    `${folder}/package.json`,
    JSON.stringify({ jest: { testEnvironment: 'node', transform: {}, testMatch: ['**/*.spec.js'] } }),
  )
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each(['node.test.mjs', 'node.test.cjs'])('the store contracts pass under node:test (%s)', async (file) => {
  const told = await outputOf([`--test`, '--test-reporter=tap', file])
  const [, passed = 0] = /^# pass (\d+)$/m.exec(told) ?? []
  expect(told).toMatch(/^# fail 0$/m)
  expect(Number(passed)).toBeGreaterThan(100)
})

test('the store contracts pass in Jest', async () => {
  const told = await outputOf([
    `${root}node_modules/jest/bin/jest.js`,
    '--runInBand',
    '--json',
    '--silent',
    `--rootDir=${folder}`,
  ])
  const { success, numPassedTests, testResults } = JSON.parse(told)
  expect(testResults.map(({ message }: { message: string }) => message).join('')).toBe('')
  expect(success).toBe(true)
  expect(numPassedTests).toBeGreaterThan(100)
})

/** What Node prints. With NODE_TEST_CONTEXT set, its test runner would report to an outer runner instead. */
function outputOf(parameters: readonly string[]): Promise<string> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { cwd: folder, env }, (_error, stdout, stderr) => resolve(stdout || stderr))
  })
}
