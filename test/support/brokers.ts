import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandFolders } from './installed.ts'
import { freePort } from './loopback.ts'

/** A broker for one test, in a folder of its own. */
export interface Broker extends AsyncDisposable {
  /** The URL of its WebSocket endpoint. */
  readonly url: string
}

/** The program that Debian's wrapper runs; the wrapper itself would change the user. */
export const rabbitServer = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export function hasMosquitto(): boolean {
  return mosquittoPath() !== undefined
}

function mosquittoPath(): string | undefined {
  return commandFolders()
    .map((folder) => `${folder}/mosquitto`)
    .find((path) => existsSync(path))
}

/** RabbitMQ with its plugin for STOMP over WebSockets; the user is `guest`. */
export async function startRabbit(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-rabbit-'))
  const [names, amqp, distribution, stomp, web] = await Promise.all([1, 2, 3, 4, 5].map(() => freePort()))
  const file = (name: string) => join(folder, name)
  writeFileSync(file('plugins'), '[rabbitmq_stomp,rabbitmq_web_stomp].')
  const settings = [
    `listeners.tcp.local = 127.0.0.1:${amqp}`,
    `stomp.listeners.tcp.local = 127.0.0.1:${stomp}`,
    'web_stomp.tcp.ip = 127.0.0.1',
    `web_stomp.tcp.port = ${web}`,
    // Binary frames, as clients with binary bodies want them.
    'web_stomp.ws_frame = binary',
  ]
  writeFileSync(file('rabbitmq.conf'), settings.join('\n'))
  // Without an own epmd RabbitMQ would start one that outlives it.
  const epmd = spawn('epmd', ['-port', String(names), '-address', '127.0.0.1'], { stdio: 'ignore' })
  const env = {
    ...process.env,
    HOME: folder,
    ERL_EPMD_PORT: String(names),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'steadfast@localhost',
    RABBITMQ_NODE_PORT: String(amqp),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_LOGS: '-',
    RABBITMQ_MNESIA_BASE: file('mnesia'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins'),
    RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('none'),
    RABBITMQ_CONF_ENV_FILE: file('none'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
  const server = spawn(rabbitServer, { env, cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  return started({
    folder,
    server,
    url: `ws://127.0.0.1:${web}/ws`,
    readyAt: /Server startup complete/,
    stop: () => {
      // The script starts children, so its process group is killed.
      if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL')
      epmd.kill('SIGKILL')
    },
  })
}

/** mosquitto with a listener for MQTT over WebSockets that allows anonymous clients. */
export async function startMosquitto(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-mosquitto-'))
  const [plain, port] = await Promise.all([freePort(), freePort()])
  const file = join(folder, 'mosquitto.conf')
  // Version 2.0.11 does not start with a listener for WebSockets alone.
  const listeners = `listener ${plain} 127.0.0.1\nlistener ${port} 127.0.0.1\nprotocol websockets\n`
  writeFileSync(file, `${listeners}allow_anonymous true\nlog_dest stderr\n`)
  const server = spawn(mosquittoPath() ?? 'mosquitto', ['-c', file], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  return started({
    folder,
    server,
    url: `ws://127.0.0.1:${port}/mqtt`,
    readyAt: /mosquitto version .* running/,
    stop: () => void server.kill('SIGKILL'),
  })
}

interface Starting {
  readonly folder: string
  readonly server: ChildProcess
  readonly url: string
  readonly readyAt: RegExp
  stop(): void
}

async function started({ folder, server, url, readyAt, stop }: Starting): Promise<Broker> {
  let log = ''
  for (const output of [server.stdout, server.stderr]) {
    output?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-20_000)
    })
  }
  const exited = once(server, 'exit')
  process.once('exit', stop)
  const end = async () => {
    process.off('exit', stop)
    stop()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  for (let times = 0; !readyAt.test(log); times += 1) {
    if (server.exitCode !== null || times > 1200) {
      await end()
      throw new Error(`The broker did not start:\n${log}`)
    }
    await sleep(50)
  }
  return { url, [Symbol.asyncDispose]: end }
}
