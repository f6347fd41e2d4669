import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import { freePort } from '../support/loopback.ts'
import type { FleetNodeOptions } from './node.ts'

const root = resolve(import.meta.dirname, '../..')

/** The lines that the processes (lives) of all nodes have written to their files. */
export interface FleetLog {
  /** The lines of one kind, of each life, as words without the kind. */
  lines(kind: string): readonly { readonly life: string; readonly words: readonly string[] }[]
}

/** Nodes in processes of their own, each on a port that it keeps. */
export interface Fleet extends AsyncDisposable {
  readonly ports: readonly number[]
  readonly log: FleetLog
  /** The names of the lives that run now. */
  living(): readonly string[]
  /** As `kill -9`. */
  kill(node: number): Promise<void>
  start(node: number): Promise<void>
  /** Stops all nodes as a deployment does. Resolves with the ends of those that did not exit with 0 within `withinMs`. */
  stop(withinMs: number): Promise<readonly string[]>
  signal(node: number, signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Processes that ended without having been killed. */
  readonly deaths: readonly string[]
}

export async function startFleet(count: number, options: Pick<FleetNodeOptions, 'store' | 'publishEveryMs'>): Promise<Fleet> {
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'fleet-'))
  const script = join(folder, 'node.mjs')
  const { outputFiles } = await build({
    entryPoints: [join(root, 'test/fleet/node.ts')],
    absWorkingDir: root,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    sourcemap: 'inline',
  })
  writeFileSync(script, outputFiles[0]?.text ?? '')
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()))
  const children: (ChildProcess | null)[] = ports.map(() => null)
  const lives: { readonly life: string; readonly logFile: string }[] = []
  const running: string[] = ports.map(() => '')
  const deaths: string[] = []

  const start = async (node: number) => {
    const life = `n${node}-${lives.length}`
    const logFile = join(folder, `${life}.log`)
    writeFileSync(logFile, '')
    lives.push({ life, logFile })
    const given: FleetNodeOptions = { life, logFile, port: ports[node] ?? 0, ...options }
    const child = fork(script, [JSON.stringify(given)], {
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    children[node] = child
    running[node] = life
    child.once('exit', (code, signal) => {
      if (children[node] === child) deaths.push(`${life} ended with ${code ?? signal}`)
    })
    await once(child, 'message')
  }
  const kill = async (node: number) => {
    const child = children[node]
    children[node] = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const stop = async (node: number, withinMs: number) => {
    const child = children[node]
    children[node] = null
    if (!child) return []
    const ended = once(child, 'exit').then(([code, signal]) => code ?? signal)
    child.send('stop')
    const how = await Promise.race([ended, sleep(withinMs, 'not at all', { ref: false })])
    if (how === 'not at all') child.kill('SIGKILL')
    return how === 0 ? [] : [`${running[node]} ended with ${how}`]
  }
  await Promise.all(ports.map((_, node) => start(node)))
  return {
    ports,
    kill,
    start,
    deaths,
    stop: async (withinMs) => (await Promise.all(ports.map((_, node) => stop(node, withinMs)))).flat(),
    living: () => [...running],
    signal: (node, signal) => void children[node]?.kill(signal),
    log: {
      lines: (kind) =>
        lives.flatMap(({ life, logFile }) =>
          readFileSync(logFile, 'utf8')
            .split('\n')
            .map((line) => line.split(' '))
            .filter(([first]) => first === kind)
            .map(([, ...words]) => ({ life, words })),
        ),
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(ports.map((_, node) => kill(node)))
      if (!process.env['FLEET_KEEP']) rmSync(folder, { recursive: true, force: true })
    },
  }
}
