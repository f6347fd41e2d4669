import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from './until.ts'

const root = join(import.meta.dirname, '../..')
/** How long an example may take to exit after SIGTERM. */
const stopMs = 10_000

export interface ExampleOptions {
  readonly env?: Readonly<Record<string, string>>
  /** The npm script to run. @defaultValue 'start' */
  readonly script?: 'start' | 'dev'
  /** A `node_modules` with packages that are not installed for the tests. */
  readonly packages?: string
  /** Programs that replace those on the PATH: a shell command each, by name. */
  readonly programs?: Readonly<Record<string, string>>
}

export interface RunningExample extends AsyncDisposable {
  readonly origin: string
  /** The folder with its files. */
  readonly folder: string
  /** The lines that it has printed. */
  readonly lines: readonly string[]
  /** Replaces a text in one of its files, as a developer would in an editor. */
  edit(path: string, text: string, by: string): void
  /** Kills it and starts it again at the same port. */
  restart(): Promise<void>
}

/**
 * Starts an example of `examples/` as `npm start` does, in a folder of its own, with the packages that its package.json names:
 * the built steadfast, and all others as they are installed for the tests. A process of the example that survives its stop is
 * an error.
 */
export async function startExample(
  name: string,
  { env, script = 'start', packages, programs = {} }: ExampleOptions = {},
): Promise<RunningExample> {
  const folder = mkdtempSync(join(tmpdir(), `steadfast-${name}-`))
  const source = join(root, 'examples', name)
  const isOwn = (path: string) => !/[\\/](node_modules|\.next|target)([\\/]|$)/.test(path.slice(source.length))
  cpSync(source, folder, { recursive: true, filter: isOwn })
  const { scripts, dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  const modules = join(folder, 'node_modules')
  if (packages !== undefined) linkTree(packages, modules)
  install(modules, Object.keys(dependencies))
  for (const [program, line] of Object.entries(programs)) addProgram(modules, program, line)
  const path = [join(modules, '.bin'), process.env['PATH']].join(delimiter)
  const lines: string[] = []
  const run = (port: string) => {
    // `exec` leaves no shell in between, except for a chain of commands.
    const line = scripts[script].includes('&&') ? scripts[script] : `exec ${scripts[script]}`
    const child = spawn(line, {
      cwd: folder,
      shell: true,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: undefined, PORT: port, PATH: path, ...env },
    })
    const from = lines.length
    const url = firstUrlOf(child, lines).catch(async (error) => {
      await kill(child)
      throw new Error(`${name}: ${error.message}:\n${lines.slice(from).join('\n')}`)
    })
    return { child, url }
  }
  let running = run('0')
  const killWithUs = () => void signal(running.child, 'SIGKILL')
  process.once('exit', killWithUs)
  const close = async () => {
    process.off('exit', killWithUs)
    try {
      await stop(running.child)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  try {
    const origin = await running.url
    return {
      origin,
      folder,
      lines,
      edit(path, text, by) {
        const before = readFileSync(join(folder, path), 'utf8')
        if (!before.includes(text)) throw new Error(`${name}/${path} has no '${text}'`)
        writeFileSync(join(folder, path), before.replace(text, by))
      },
      async restart() {
        await kill(running.child)
        running = run(new URL(origin).port)
        await running.url
      },
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    process.off('exit', killWithUs)
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function install(modules: string, packages: readonly string[]): void {
  for (const name of packages) {
    const target = join(modules, name)
    if (existsSync(target)) continue
    mkdirSync(dirname(target), { recursive: true })
    if (name === 'steadfast') {
      mkdirSync(target)
      for (const part of ['dist', 'package.json']) cpSync(join(root, part), join(target, part), { recursive: true })
      addProgram(modules, name, `exec '${process.execPath}' '${join(target, 'dist/cli.js')}' "$@"`)
    } else symlinkSync(join(root, 'node_modules', name), target)
  }
}

/** Adds a program to `.bin`, as `npm install` does. */
function addProgram(modules: string, name: string, line: string): void {
  mkdirSync(join(modules, '.bin'), { recursive: true })
  writeFileSync(join(modules, '.bin', name), `#!/bin/sh\n${line}\n`, { mode: 0o755 })
}

/** Copies a tree by hard links, or by real copies if the target is on another file system. */
function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(source, target)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else linkOrCopy(source, target)
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch {
    copyFileSync(from, to)
  }
}

/** Resolves with the first URL that the process prints. */
function firstUrlOf(child: ChildProcess, lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        const [url] = /http:\/\/[\w.-]+:\d+/.exec(line) ?? []
        if (url) resolve(url)
      })
    }
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
}

/** Sends SIGTERM to the example alone, which has to stop its own children (a shell would not); then kills what is left. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.spawnargs.at(-1)?.startsWith('exec ')) child.kill('SIGTERM')
  else signal(child, 'SIGTERM')
  try {
    await until(async () => !isAlive(child), 'the example has not ended all its processes', stopMs)
  } finally {
    await kill(child)
  }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
  signal(child, 'SIGKILL')
  await ended
}

function isAlive(child: ChildProcess): boolean {
  return signal(child, 0)
}

/** Sends a signal to its process group; returns whether the group exists. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals | 0): boolean {
  try {
    return pid !== undefined && process.kill(-pid, name)
  } catch {
    return false
  }
}
