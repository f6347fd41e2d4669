import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dist, root, run } from './package.ts'

let folder: string

/** A project in which the package is installed, with or without `ws`. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-server-'))
  const installed = join(folder, 'node_modules/steadfast')
  mkdirSync(join(installed, 'dist'), { recursive: true })
  cpSync(`${root}package.json`, join(installed, 'package.json'))
  cpSync(dist, join(installed, 'dist'), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true }))

const asking = `
  const errors = []
  const server = new RealtimeServer({ onError: (error) => errors.push(error.message) })
  const http = createServer()
  server.attach(http)
  http.listen(0, '127.0.0.1', async () => {
    const { port } = http.address()
    const asked = request({ port, path: '/realtime', headers: {
      Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': 'steadfast.v1, s.x',
    } })
    const over = (status) => { console.log(JSON.stringify({ status, errors })); process.exit() }
    asked.on('response', ({ statusCode }) => over(statusCode))
    asked.on('upgrade', ({ statusCode }) => over(statusCode))
    asked.end()
  })`

describe.each([
  [
    'import',
    'server.mjs',
    `import { createServer, request } from 'node:http'\nimport { RealtimeServer } from 'steadfast/server'`,
  ],
  [
    'require',
    'server.cjs',
    `const { createServer, request } = require('node:http')\nconst { RealtimeServer } = require('steadfast/server')`,
  ],
])('by %s', (_, file, head) => {
  test('without ws the server answers an upgrade with 501 and reports `npm install ws`', () => {
    rmSync(join(folder, 'node_modules/ws'), { recursive: true, force: true })
    writeFileSync(join(folder, file), `${head}\n${asking}`)
    const { status, errors } = JSON.parse(run(process.execPath, [file], folder))
    expect(status).toBe(501)
    expect(errors[0]).toContain('npm install ws')
  })

  test('with ws the server accepts a WebSocket', () => {
    cpSync(`${root}node_modules/ws`, join(folder, 'node_modules/ws'), { recursive: true })
    writeFileSync(join(folder, file), `${head}\n${asking}`)
    expect(JSON.parse(run(process.execPath, [file], folder))).toEqual({ status: 101, errors: [] })
  })
})
