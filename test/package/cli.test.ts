import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { webSocketOver } from '../../src/socket/index.ts'
import { want } from '../support/equipment.ts'
import { startBackend } from '../support/gateway-rig.ts'
import { startRedis } from '../support/redis-server.ts'
import { watch } from '../support/socket-rig.ts'
import { nodeHost } from '../support/watched-client.ts'
import { root } from './package.ts'

let folder = ''
const programs: ChildProcess[] = []

/** An empty project in which the packed package is installed, as npm does it. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steadfast-cli-'))
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  )
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', folder])
  cpSync(join(folder, 'package'), join(folder, 'node_modules/steadfast'), { recursive: true })
  symlinkSync('../steadfast/dist/cli.js', join(folder, 'node_modules/.bin/steadfast'))
  execFileSync('chmod', ['+x', join(folder, 'node_modules/steadfast/dist/cli.js')])
})
afterEach(async () => {
  for (const program of programs.splice(0)) {
    if (program.exitCode !== null || program.signalCode !== null) continue
    program.kill('SIGKILL')
    await once(program, 'exit')
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ws = () => cpSync(`${root}node_modules/ws`, join(folder, 'node_modules/ws'), { recursive: true })

interface Command {
  readonly program: ChildProcess
  out(): string
  err(): string
  exited(): Promise<number | null>
  /** The events of a log as JSON. */
  events(): readonly Record<string, unknown>[]
}

function steadfast(...words: readonly string[]): Command {
  const program = spawn(join(folder, 'node_modules/.bin/steadfast'), words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  programs.push(program)
  const texts = { out: '', err: '' }
  program.stdout?.on('data', (chunk) => {
    texts.out += chunk
  })
  program.stderr?.on('data', (chunk) => {
    texts.err += chunk
  })
  const exit = once(program, 'exit')
  return {
    program,
    out: () => texts.out,
    err: () => texts.err,
    exited: async () => (await exit)[0],
    events: () =>
      texts.out
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}

const soon = { timeout: 15_000, interval: 20 }

/** Waits for this event in the log; resolves with its address. */
async function addressIn(command: Command, event: string): Promise<string> {
  return vi.waitFor(() => {
    const found = command.events().find((each) => each['event'] === event)
    if (!found) throw new Error(`${command.out()} ${command.err()}`)
    return String(found['address'])
  }, soon)
}

test('without ws the gateway exits with 2 and prints `npm install ws`', async () => {
  rmSync(join(folder, 'node_modules/ws'), { recursive: true, force: true })
  const command = steadfast('gateway', '--target', 'ws://127.0.0.1:9', '--listen', '127.0.0.1:0')
  expect(await command.exited()).toBe(2)
  expect(command.err()).toContain('npm install ws')
})

describe('with ws', () => {
  beforeAll(ws)

  test('--help and --version print and exit with 0', async () => {
    for (const words of [['gateway', '--help'], ['gateway', '-h'], ['--help'], ['-h'], ['help'], []]) {
      const help = steadfast(...words)
      expect(await help.exited()).toBe(0)
      expect(help.out()).toContain('--target url')
    }
    for (const words of [['gateway', '-v'], ['--version'], ['-v']]) {
      const version = steadfast(...words)
      expect(await version.exited()).toBe(0)
      expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/)
    }
  })

  test('a usage error exits with 2 and prints the remedy without a stack trace', async () => {
    for (const [words, message] of [
      [['gatewy'], "'gatewy' is not a command"],
      [['gateway', '--targt', 'x'], "did you mean '--target'?"],
      [['gateway', '--target', 'ws://a', '--trust-proxy', 'intranet'], "'intranet' is neither an address"],
      [['gateway', '--target', 'http://a'], 'it must begin with ws:// or wss://'],
      [['gateway', '--target', 'ws://a', '--redis', 'redis://127.0.0.1:1', '--listen', '127.0.0.1:0'], 'npm install redis'],
    ] as const) {
      const command = steadfast(...words)
      expect(await command.exited()).toBe(2)
      expect(command.err()).toContain(message)
      expect(command.err()).not.toContain('    at ')
    }
  })

  test('an error names the port that is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const command = steadfast('gateway', '--target', 'ws://127.0.0.1:9', '--listen', `127.0.0.1:${port}`)
    expect(await command.exited()).toBe(2)
    expect(command.err()).toContain(`--listen 127.0.0.1:${port}: the port is in use`)
    taken.close()
  })

  test('the gateway carries a socket, logs it, serves /health and /metrics, and drains on SIGTERM', async () => {
    await using backend = await startBackend()
    writeFileSync(join(folder, 'gateway.json'), JSON.stringify({ target: 'ws://127.0.0.1:1', log: 'json', pingMs: 10_000 }))
    const command = steadfast(
      ...['gateway', '--config', 'gateway.json', '--target', `${backend.url}?token=secret`, '--listen', '127.0.0.1:0'],
      ...['--admin', '0', '--drain-ms', '3000'],
    )
    const address = await addressIn(command, 'listening')
    const admin = await addressIn(command, 'admin')
    expect(admin).toMatch(/^127\.0\.0\.1:/)
    const Socket = webSocketOver({ host: nodeHost, transports: ['sse'] })
    const { socket, data, opened, closed } = watch(new Socket(`ws://${address}/realtime?key=secret`))
    await opened()
    socket.send('hello')
    await vi.waitFor(() => expect(data).toEqual(['hello']), soon)
    expect(backend.connections[0]?.request.url).toBe('/backend?token=secret&key=secret')
    const health = await fetch(`http://${admin}/health`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
    const metrics = await (await fetch(`http://${admin}/metrics`)).text()
    expect(metrics).toContain('steadfast_sessions 1')
    expect((await fetch(`http://${admin}/other`)).status).toBe(404)
    expect((await fetch(`http://${address}/health`)).status).toBe(404)
    command.program.kill('SIGTERM')
    expect(await closed(5000)).toMatchObject({ code: 1012, wasClean: true })
    expect(await command.exited()).toBe(0)
    await vi.waitFor(() => expect(backend.connections[0]?.closed).toEqual({ code: 1001, reason: '' }), soon)
    const events = command.events().map(({ event }) => event)
    expect(events).toEqual(['listening', 'admin', 'session-open', 'stopping', 'session-end', 'stopped'])
    expect(command.out()).not.toContain('secret')
    expect(command.err()).toBe('')
  })

  test('a page between two polls is told when the gateway ends', async () => {
    await using backend = await startBackend()
    const command = steadfast('gateway', '--target', backend.url, '--listen', '127.0.0.1:0', '--log', 'json')
    const address = await addressIn(command, 'listening')
    const Socket = webSocketOver({ host: nodeHost, transports: [{ type: 'poll', intervalMs: 1000 }] })
    const { opened, closed } = watch(new Socket(`ws://${address}/realtime`))
    await opened()
    await sleep(100)
    command.program.kill('SIGTERM')
    expect(await closed(5000)).toMatchObject({ code: 1012, wasClean: true })
    expect(await command.exited()).toBe(0)
  })

  test('the gateway continues when nobody reads its log any more', async () => {
    await using backend = await startBackend()
    const command = steadfast('gateway', '--target', backend.url, '--listen', '127.0.0.1:0', '--log', 'json')
    const address = await addressIn(command, 'listening')
    command.program.stdout?.destroy()
    const Socket = webSocketOver({ host: nodeHost, transports: ['websocket'] })
    for (let n = 0; n < 3; n += 1) {
      const { socket, opened, closed } = watch(new Socket(`ws://${address}/realtime`))
      await opened()
      socket.close(3001)
      expect(await closed()).toMatchObject({ code: 3001 })
    }
    command.program.kill('SIGTERM')
    expect(await command.exited()).toBe(0)
  })

  test('the gateway keeps its sessions in Redis, and /health answers 503 without it', async (context) => {
    await want(context, 'redis-server')
    await using redis = await startRedis()
    await using backend = await startBackend()
    symlinkSync(`${root}node_modules/redis`, join(folder, 'node_modules/redis'))
    const url = `redis://127.0.0.1:${redis.port}`
    const command = steadfast(
      ...['gateway', '--target', backend.url, '--redis', url, '--listen', '127.0.0.1:0', '--admin', '0', '--log', 'json'],
    )
    const address = await addressIn(command, 'listening')
    const admin = await addressIn(command, 'admin')
    const Socket = webSocketOver({ host: nodeHost, transports: ['long-poll'] })
    const { socket, data, opened, closed } = watch(new Socket(`ws://${address}/realtime`))
    await opened()
    socket.send('hello')
    await vi.waitFor(() => expect(data).toEqual(['hello']), soon)
    expect(await redis.command('DBSIZE')).toBeGreaterThan(0)
    socket.close(3001)
    await closed()
    await redis.kill()
    await vi.waitFor(async () => expect((await fetch(`http://${admin}/health`)).status).toBe(503), soon)
    command.program.kill('SIGTERM')
    expect(await command.exited()).toBe(0)
  })

  test('a second SIGINT ends the gateway at once with exit code 1', async () => {
    await using backend = await startBackend({ onConnection: ({ socket }) => socket.pause() })
    const command = steadfast(
      'gateway',
      '--target',
      backend.url,
      '--listen',
      '127.0.0.1:0',
      '--log',
      'json',
      '--drain-ms',
      '60000',
    )
    const address = await addressIn(command, 'listening')
    const Socket = webSocketOver({ host: nodeHost, transports: ['websocket'] })
    const { socket, opened } = watch(new Socket(`ws://${address}/realtime`))
    await opened()
    for (let n = 0; n < 7; n += 1) socket.send(new Uint8Array(1_000_000))
    await vi.waitFor(() => expect(socket.bufferedAmount).toBeLessThan(7_000_000), soon)
    command.program.kill('SIGINT')
    await vi.waitFor(() => expect(command.events().map(({ event }) => event)).toContain('stopping'), soon)
    command.program.kill('SIGINT')
    expect(await command.exited()).toBe(1)
    socket.close()
  })
})
