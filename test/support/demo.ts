import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'

export interface Demo extends AsyncDisposable {
  readonly origin: string
  readonly program: ChildProcess
  /** What it has written to stderr so far. */
  complaints(): string
}

/** Starts the demo's server, as a program of its own; port 0 is any that is free. */
export async function startDemo(
  port = 0,
  { parameters = [], env = {} }: { readonly parameters?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Demo> {
  const program = spawn(process.execPath, [resolve(import.meta.dirname, '../../demo/server.mjs'), ...parameters], {
    env: { ...process.env, PORT: String(port), HOST: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaints = ''
  program.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  const [line] = await once(createInterface(program.stdout), 'line', { signal: AbortSignal.timeout(10_000) })
  const origin = /^The demo is at (http:\/\/127\.0\.0\.1:\d+)\/$/.exec(String(line))?.[1]
  if (!origin) throw new Error(`the demo said: ${line} ${complaints}`)
  return { origin, program, complaints: () => complaints, [Symbol.asyncDispose]: () => end(program) }
}

async function end(program: ChildProcess): Promise<void> {
  if (program.exitCode !== null) return
  program.kill('SIGKILL')
  await once(program, 'exit')
}
