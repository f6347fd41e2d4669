import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandFolders, isInstalled, onMachine } from './installed.ts'
import { freePort } from './proxies.ts'

/** A broker of a test's own, in a folder of its own. */
export interface Broker extends AsyncDisposable {
  /** Where it speaks WebSocket. */
  readonly url: string
}

const rabbitFolder = '/usr/lib/rabbitmq/lib'

/** The server itself, without Debian's wrapper, which would run it as another user; `undefined` where it is not installed. */
export function rabbitPath(): string | undefined {
  if (!isInstalled(rabbitFolder)) return undefined
  const [version] = readdirSync(onMachine(rabbitFolder)).filter((name) => name.startsWith('rabbitmq_server-'))
  return version === undefined ? undefined : onMachine(`${rabbitFolder}/${version}/sbin/rabbitmq-server`)
}

/** RabbitMQ with STOMP over WebSocket. Its name server is a child of its own, so that none is left behind. */
export async function startRabbitMq(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-rabbitmq-'))
  const [port, webPort, stompPort, epmdPort, distPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ])
  writeFileSync(join(folder, 'plugins'), '[rabbitmq_web_stomp,rabbitmq_stomp].\n')
  writeFileSync(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'web_stomp.tcp.ip = 127.0.0.1',
      'web_stomp.ws_frame = binary',
      `web_stomp.tcp.port = ${webPort}`,
    ]
      .concat([
        `stomp.listeners.tcp.1 = 127.0.0.1:${stompPort}`,
        'log.file = false',
        'log.console = false',
        'disk_free_limit.absolute = 1MB',
        '',
      ])
      .join('\n'),
  )
  mkdirSync(join(folder, 'home'))
  const env = {
    ...{ PATH: process.env['PATH'], LANG: 'C.UTF-8', HOME: join(folder, 'home') },
    ...{ ERL_EPMD_PORT: String(epmdPort), ERL_EPMD_ADDRESS: '127.0.0.1' },
    ...{ RABBITMQ_NODENAME: `steadfast-${port}@localhost`, RABBITMQ_DIST_PORT: String(distPort) },
    ...{ RABBITMQ_MNESIA_BASE: folder, RABBITMQ_LOG_BASE: folder, RABBITMQ_PID_FILE: join(folder, 'pid') },
    ...{ RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'), RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf') },
    // A small virtual machine: the tests are the only users.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none',
  }
  const epmd = spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { env, stdio: 'ignore' })
  const server = spawn(rabbitPath() ?? 'rabbitmq-server', [], { env, stdio: 'ignore', detached: true, cwd: folder })
  const stop = async () => {
    await ended(server, () => server.pid !== undefined && process.kill(-server.pid, 'SIGKILL'))
    await ended(epmd, () => epmd.kill('SIGKILL'))
    rmSync(folder, { recursive: true, force: true })
  }
  await listening(webPort, server, stop)
  return { url: `ws://127.0.0.1:${webPort}/ws`, [Symbol.asyncDispose]: stop }
}

/** mosquitto with MQTT over WebSocket. */
export async function startMosquitto(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-mosquitto-'))
  const port = await freePort()
  // One that has WebSocket listeners alone says that it has none, and ends.
  const plain = [`listener ${await freePort()} 127.0.0.1`, 'allow_anonymous true', 'persistence false']
  const configuration = [...plain, `listener ${port} 127.0.0.1`, 'protocol websockets', '']
  writeFileSync(join(folder, 'mosquitto.conf'), configuration.join('\n'))
  const path =
    commandFolders()
      .map((each) => `${each}/mosquitto`)
      .find(isInstalled) ?? 'mosquitto'
  const server = spawn(path, ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' })
  const stop = async () => {
    await ended(server, () => server.kill('SIGKILL'))
    rmSync(folder, { recursive: true, force: true })
  }
  await listening(port, server, stop)
  return { url: `ws://127.0.0.1:${port}/mqtt`, [Symbol.asyncDispose]: stop }
}

function ended(child: ChildProcess, kill: () => void): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      resolve()
      return
    }
    child.once('exit', () => resolve())
    try {
      kill()
    } catch {
      resolve()
    }
  })
}

async function listening(port: number, server: ChildProcess, stop: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 60_000
  server.on('error', () => {})
  while (!(await answers(port))) {
    if (server.exitCode === null && performance.now() < deadline) await sleep(50)
    else {
      await stop()
      throw new Error(`The broker does not listen at ${port}; it has ended with ${server.exitCode}.`)
    }
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const over = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.on('connect', () => over(true))
    socket.on('error', () => over(false))
  })
}
