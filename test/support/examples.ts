import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

const root = join(import.meta.dirname, '../..')

export interface RunningExample extends AsyncDisposable {
  readonly origin: string
  /** What it printed, line by line. */
  readonly lines: readonly string[]
  /** Replaces a text in one of its files, as its developer would. */
  edit(path: string, text: string, by: string): void
}

/**
 * Starts an example of `examples/` as `npm start` does, in a folder of its own, with the packages that its package.json names: steadfast
 * as it was built, all others as they are installed for the tests. It ends with the process.
 */
export async function startExample(name: string, env: Readonly<Record<string, string>> = {}): Promise<RunningExample> {
  const folder = mkdtempSync(join(tmpdir(), `steadfast-${name}-`))
  const source = join(root, 'examples', name)
  cpSync(source, folder, { recursive: true, filter: (path) => !/[\\/]node_modules([\\/]|$)/.test(path) })
  const { scripts, dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  install(folder, Object.keys(dependencies))
  const [command = '', ...parameters] = scripts.start.split(' ')
  const child = spawn(command === 'node' ? process.execPath : command, parameters, {
    cwd: folder,
    env: { ...process.env, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const close = async () => {
    await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    return {
      origin: await firstUrlOf(child, lines),
      lines,
      edit(path, text, by) {
        const before = readFileSync(join(folder, path), 'utf8')
        if (!before.includes(text)) throw new Error(`${name}/${path} has no '${text}'`)
        writeFileSync(join(folder, path), before.replace(text, by))
      },
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function install(folder: string, packages: readonly string[]): void {
  const modules = join(folder, 'node_modules')
  for (const name of packages) {
    const target = join(modules, name)
    mkdirSync(dirname(target), { recursive: true })
    if (name === 'steadfast') {
      mkdirSync(target)
      for (const part of ['dist', 'package.json']) cpSync(join(root, part), join(target, part), { recursive: true })
    } else symlinkSync(join(root, 'node_modules', name), target)
  }
}

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
    child.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${lines.join('\n')}`)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
