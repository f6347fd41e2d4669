import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

export interface Demo extends AsyncDisposable {
  readonly origin: string
  readonly program: ChildProcess
  /** What it has written to stderr so far. */
  complaints(): string
  /** What it has written to stdout so far. */
  said(): string
}

const script = resolve(import.meta.dirname, '../../demo/server.mjs')

interface DemoOptions {
  readonly parameters?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** Starts the demo's server as a process of its own; port 0 selects a free one. */
export async function startDemo(port = 0, options: DemoOptions = {}): Promise<Demo> {
  const program = spawnDemo(port, options)
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    program[name].on('data', (chunk) => {
      written[name] += chunk
    })
  }
  const origin = await originOf(program).catch(async (error: unknown) => {
    // The caller gets no handle with which to end it.
    await end(program)
    throw new Error(`the demo did not start: ${written.stdout}${written.stderr}`, { cause: error })
  })
  return {
    origin,
    program,
    complaints: () => written.stderr,
    said: () => written.stdout,
    [Symbol.asyncDispose]: () => end(program),
  }
}

async function originOf(program: ChildProcess & { readonly stdout: Readable }): Promise<string> {
  const signal = AbortSignal.timeout(30_000)
  const [line] = await Promise.race([
    once(createInterface(program.stdout), 'line', { signal }),
    once(program, 'close', { signal }),
  ])
  const origin = /^The demo is at (http:\/\/127\.0\.0\.1:\d+)\/$/.exec(String(line))?.[1]
  if (!origin) throw new Error(`it said: ${line}`)
  return origin
}

/** Starts a demo that cannot start; resolves with its exit code and what it wrote to stderr. */
export async function refusedDemo(options: DemoOptions): Promise<{ readonly code: number | null; readonly complaints: string }> {
  const program = spawnDemo(0, options)
  const signal = AbortSignal.timeout(30_000)
  try {
    const [complaints, [code]] = await Promise.all([text(program.stderr), once(program, 'exit', { signal })])
    return { code, complaints }
  } finally {
    await end(program)
  }
}

function spawnDemo(port: number, { parameters = [], env = {} }: DemoOptions) {
  return spawn(process.execPath, [script, ...parameters], {
    env: { ...process.env, PORT: String(port), HOST: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null || program.signalCode !== null) return
  program.kill('SIGKILL')
  await once(program, 'exit')
}
