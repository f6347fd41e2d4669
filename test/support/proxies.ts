import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandFolders, hasCommand, isInstalled, onMachine } from './installed.ts'
import { freePort } from './loopback.ts'

export type ProxyName = 'nginx' | 'haproxy' | 'apache' | 'varnish' | 'caddy'

/** A real proxy as a process of its own on a free port of 127.0.0.1. It writes into a temporary folder only. */
export interface RunningProxy extends AsyncDisposable {
  readonly origin: string
  /** What it has printed or logged. */
  log(): string
}

interface Place {
  readonly folder: string
  readonly port: number
  /** The configuration, changed to listen on `port`. */
  readonly lines: string
  readonly parameters: readonly string[]
}

interface Software {
  /** Debian's package. */
  readonly package: string
  readonly command: string
  /** Makes a configuration that listens on port 80 listen on another port of 127.0.0.1. */
  listenOn(lines: string, port: number): string
  /** The complete configuration file around the lines. */
  file(place: Place): string
  parameters(file: string, place: Place): readonly string[]
}

/** Modules that Debian's Apache loads by default, or that its documentation names for proxies. */
const apacheModules = [
  'mpm_event',
  'authz_core',
  'reqtimeout',
  'headers',
  'filter',
  'deflate',
  'proxy',
  'proxy_http',
  'ssl',
  'http2',
]

const software: Readonly<Record<ProxyName, Software>> = {
  nginx: {
    package: 'nginx',
    command: 'nginx',
    listenOn: (lines, port) => lines.replace('listen 80;', `listen 127.0.0.1:${port};`),
    file: ({ folder, lines }) => `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/log;
      events {} http { access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      ${lines} }`,
    parameters: (file, { folder }) => ['-p', folder, '-c', file, '-e', join(folder, 'log')],
  },
  haproxy: {
    package: 'haproxy',
    command: 'haproxy',
    listenOn: (lines, port) => lines.replace('bind :80', `bind 127.0.0.1:${port}`),
    file: ({ lines }) => lines,
    parameters: (file) => ['-db', '-f', file],
  },
  apache: {
    package: 'apache2-bin',
    command: 'apache2',
    listenOn: (lines, port) => lines.replace('<VirtualHost *:80>', `Listen 127.0.0.1:${port}\n<VirtualHost *:${port}>`),
    file: ({ folder, lines }) => `${apacheModules.map((name) => `LoadModule ${name}_module ${moduleOf(name)}`).join('\n')}
DefaultRuntimeDir ${folder}
PidFile ${folder}/pid
ErrorLog ${folder}/log
ServerName localhost
${userInfo().uid === 0 ? 'User www-data\nGroup www-data' : ''}
${lines}`,
    parameters: (file, { folder }) => ['-D', 'FOREGROUND', '-d', folder, '-f', file],
  },
  varnish: {
    package: 'varnish',
    command: 'varnishd',
    listenOn: (lines) => lines,
    file: ({ lines }) => lines,
    parameters: (file, { folder, port, parameters }) => [
      ...['-F', '-j', 'none', '-n', join(folder, 'state'), '-a', `127.0.0.1:${port}`, '-f', file, '-s', 'malloc,16m'],
      ...parameters,
    ],
  },
  caddy: {
    package: 'caddy',
    command: 'caddy',
    listenOn: (lines, port) => lines.replace(':80 {', `:${port} {`),
    file: ({ folder, lines }) =>
      `{\n  admin off\n  auto_https off\n  default_bind 127.0.0.1\n  storage file_system ${folder}\n}\n${lines}`,
    parameters: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
}

export const proxyNames = Object.keys(software) as ProxyName[]

export function isProxyInstalled(name: ProxyName): boolean {
  return hasCommand(software[name].command)
}

/** The command that installs the proxy on Debian and Ubuntu. */
export function installProxy(name: ProxyName): string {
  return `apt-get install ${software[name].package}`
}

export interface ProxyStart {
  /** @defaultValue a free one */
  readonly port?: number
  /** Additional command-line parameters. */
  readonly parameters?: readonly string[]
}

/** Starts the real proxy with these lines, which name port 80. */
export async function startProxy(name: ProxyName, lines: string, start: ProxyStart = {}): Promise<RunningProxy> {
  if (!isProxyInstalled(name)) throw new Error(`MISSING: ${name}: ${installProxy(name)}`)
  const { command, listenOn, ...kind } = software[name]
  const folder = mkdtempSync(join(tmpdir(), `proxy-${name}-`))
  const port = start.port ?? (await freePort())
  const place = { folder, port, lines: listenOn(lines, port), parameters: start.parameters ?? [] }
  const file = join(folder, 'config')
  writeFileSync(file, kind.file(place))
  const env = { ...process.env, PATH: commandFolders().join(':'), HOME: folder }
  const child = spawn(command, kind.parameters(file, place), { stdio: ['ignore', 'pipe', 'pipe'], env })
  running.add(child)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
  }
  const log = () => printed + read(join(folder, 'log'))
  const close = async () => {
    await stop(child)
    running.delete(child)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  if (await isUp(child, port)) return { origin: `http://127.0.0.1:${port}`, log, [Symbol.asyncDispose]: close }
  const said = log()
  await close()
  throw new Error(`${name} does not run with these lines:\n${said}\n${place.lines}`)
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

function moduleOf(name: string): string {
  const places = ['/usr/lib/apache2/modules', '/usr/libexec/apache2', '/usr/lib64/httpd/modules']
  const found = places.map((place) => `${place}/mod_${name}.so`).find(isInstalled)
  if (found === undefined) throw new Error(`MISSING: mod_${name} of Apache; looked in ${places.join(', ')}`)
  return onMachine(found)
}

/** Varnish compiles its configuration with the C compiler before it listens. */
async function isUp(child: ChildProcess, port: number): Promise<boolean> {
  const deadline = performance.now() + 20_000
  while (child.exitCode === null && child.signalCode === null && performance.now() < deadline) {
    if (await accepts(port)) return true
    await sleep(30)
  }
  return false
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await exited
  clearTimeout(timer)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
