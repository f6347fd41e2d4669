import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { commandFolders } from './installed.ts'
import { freePort } from './loopback.ts'

/** A Redis server for one test, in a folder of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number
  readonly folder: string
  /** Ends the process at once, as `kill -9`. */
  kill(): Promise<void>
  /** Starts it again, on the same port and in the same folder. */
  start(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** Runs one command over a connection of its own. */
  command(...command: readonly string[]): Promise<unknown>
}

export function hasRedisServer(): boolean {
  return redisPath() !== undefined
}

function redisPath(): string | undefined {
  return commandFolders()
    .map((folder) => `${folder}/redis-server`)
    .find((path) => existsSync(path))
}

/** @param settings command-line parameters; by default nothing is written to disk */
export async function startRedis(settings: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-redis-'))
  const port = await freePort()
  let child: ChildProcess | undefined
  const ended = (of: ChildProcess) =>
    new Promise<void>((resolve) => ((of.exitCode ?? of.signalCode) === null ? of.once('exit', () => resolve()) : resolve()))
  const kill = async () => {
    const of = child
    child = undefined
    of?.kill('SIGKILL')
    if (of) await ended(of)
  }
  const command = async (...words: readonly string[]): Promise<unknown> => {
    const client = createClient({ socket: { port, host: '127.0.0.1', reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.sendCommand([...words])
    } finally {
      client.destroy()
    }
  }
  const start = async () => {
    const defaults = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
    child = spawn(redisPath() ?? 'redis-server', [...defaults, '--repl-diskless-sync-delay', '0', ...settings], {
      stdio: 'ignore',
    })
    for (let times = 0; ; times += 1) {
      const answer = await command('PING').catch((error: unknown) => error)
      if (answer === 'PONG') return
      if (times > 400) throw new Error(`Redis did not start: ${answer}`)
      await sleep(25)
    }
  }
  await start()
  return {
    port,
    folder,
    kill,
    start,
    command,
    signal: (signal) => void child?.kill(signal),
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
