import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { freePort } from '../support/loopback.ts'
import { snippetNamed } from '../support/readme.ts'
import { root } from './package.ts'

const programs: ChildProcess[] = []
const artifacts = `${root}test/artifacts`
let folder = ''

afterEach(async () => {
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue
    program.kill('SIGKILL')
    await once(program, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

test("README's server and client run unchanged in Node, and the client survives a restart of the server", async () => {
  mkdirSync(artifacts, { recursive: true })
  writeFileSync(`${artifacts}/.gitignore`, '*\n')
  // A package can import itself by its name from any folder below its own.
  folder = mkdtempSync(`${artifacts}/first-hour-`)
  const port = await freePort()
  for (const name of ['server', 'client']) {
    const { code } = snippetNamed(`first-${name}`)
    expect(code).toContain('8080')
    writeFileSync(`${folder}/${name}.mjs`, code.replace('8080', String(port)))
  }
  const server = run('server')
  const client = run('client')
  await vi.waitFor(() => expect(client.printed()).toMatch(/^connected over (websocket|sse)$[\s\S]*^hello$/m), { timeout: 20_000 })
  server.program.kill('SIGKILL')
  await once(server.program, 'exit')
  await vi.waitFor(() => expect(client.printed()).toContain('connection lost'), { timeout: 20_000 })
  run('server')
  await vi.waitFor(() => expect(client.printed().match(/^connected over/gm)).toHaveLength(2), { timeout: 20_000 })
})

function run(name: string): { readonly program: ChildProcess; printed(): string } {
  const program = spawn(process.execPath, [`${folder}/${name}.mjs`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  program.stdout.on('data', (chunk) => {
    printed += chunk
  })
  programs.push(program)
  return { program, printed: () => printed }
}
