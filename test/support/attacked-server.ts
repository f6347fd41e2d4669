import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Account } from '../attack/meters.ts'
import type { ScenarioName, ScenarioOptions } from '../attack/scenarios.ts'
import type { Order } from '../attack/server.ts'
import { RawSocket, randomSession } from './raw-client.ts'

// A row of `test/attack` is a server in a process of its own, an input, and what must be true afterwards:
//
//   await using server = await AttackedServer.start('plain', { limits: { maxMessageBytes: 1000 } })
//   const before = await server.account()
//   … bytes, by `RawTcp` of `raw-tcp.ts` or by `raw-client.ts` …
//   await server.stillServes()                            it lives, and a client that comes now gets an echo
//   await server.returnsTo(before)                        sockets, timers, sessions and memory are what they were
//
// For what holds up the loop, `grewLinearly` (attack-costs.ts) compares the cost of n with that of 4 n. What a server is made of
// has a name in `test/attack/scenarios.ts`: add one there where none fits. What else is to be asked of the process is an `Order`
// in `test/attack/server.ts`. Which figures an account has is told by `test/attack/meters.ts`.

const root = resolve(import.meta.dirname, '../..')
const patienceMs = 20_000

/** How the process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

let bundled: Promise<string> | null = null

/** The server as one script: Node 20 reads no TypeScript. Once for all of a file's tests. */
function script(): Promise<string> {
  bundled ??= build({
    ...{ entryPoints: [join(root, 'test/attack/server.ts')], absWorkingDir: root, write: false, bundle: true },
    ...{ format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'warning', sourcemap: 'inline' },
  }).then(({ outputFiles: [file] }) => file?.text ?? '')
  return bundled
}

/** A `RealtimeServer` in a process of its own, so that what an input does to the process is seen from outside. */
export class AttackedServer implements AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly #child: ChildProcess
  readonly #exited: Promise<Exit>
  #exit: Exit | null = null
  #lastId = 0

  private constructor(child: ChildProcess, exited: Promise<Exit>, port: number, path: string) {
    this.#child = child
    this.#exited = exited
    this.port = port
    this.url = `http://127.0.0.1:${port}${path}`
    exited.then((exit) => {
      this.#exit = exit
    })
  }

  static async start(scenario: ScenarioName = 'plain', options: ScenarioOptions = {}): Promise<AttackedServer> {
    const cache = join(root, 'node_modules/.cache')
    mkdirSync(cache, { recursive: true })
    const folder = mkdtempSync(join(cache, 'attack-'))
    const file = join(folder, 'server.mjs')
    writeFileSync(file, await script())
    const child = fork(file, {
      execArgv: ['--expose-gc', '--enable-source-maps'],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let stderr = ''
    child.stderr?.on('data', (chunk) => {
      stderr = `${stderr}${chunk}`.slice(-4000)
    })
    child.on('error', () => {})
    const exited = once(child, 'close').then(([code, signal]): Exit => {
      rmSync(folder, { recursive: true, force: true })
      return { code, signal, stderr }
    })
    const server = new AttackedServer(child, exited, 0, '')
    try {
      const port = (await server.order({ type: 'start', scenario, options })) as number
      return new AttackedServer(child, exited, port, options.path ?? '/realtime')
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** How the process ended; `null` while it lives. */
  get exit(): Exit | null {
    return this.#exit
  }

  /** Throws if the process is no longer there, with what it said. */
  lives(): void {
    if (this.#exit) throw new Error(`The process has ended (${this.#exit.code ?? this.#exit.signal}): ${this.#exit.stderr}`)
  }

  /** Has something done in the process, and waits for the answer. */
  async order(order: Order, limitMs = patienceMs): Promise<unknown> {
    this.lives()
    this.#lastId += 1
    const id = this.#lastId
    const child = this.#child
    const stop = new AbortController()
    const answered = new Promise<unknown>((resolve, reject) => {
      const listen = ({ id: of, result, error }: Answer) => {
        if (of !== id) return
        if (error === undefined) resolve(result)
        else reject(new Error(error))
      }
      child.on('message', listen)
      stop.signal.addEventListener('abort', () => child.off('message', listen))
    })
    child.send({ id, order })
    const died = this.#exited.then(({ code, signal, stderr }) => {
      throw new Error(`The process has ended (${code ?? signal}): ${stderr}`)
    })
    const late = sleep(limitMs, null, { signal: stop.signal }).then(
      () => {
        throw new Error(`The process has not answered to '${order.type}' within ${limitMs} ms.`)
      },
      () => {},
    )
    try {
      return await Promise.race([answered, died, late])
    } finally {
      stop.abort()
    }
  }

  /** What is there now; `isSettled`: without garbage. */
  async account({ isSettled = true, limitMs = patienceMs } = {}): Promise<Account> {
    return (await this.order({ type: 'account', isSettled }, limitMs)) as Account
  }

  /** Begins to measure anew how long the loop stands still, and what is computed. */
  async reset(): Promise<void> {
    await this.order({ type: 'reset' })
  }

  /** Waits until an account is as wanted, and returns it; throws with the last one. */
  async until(isSo: (account: Account) => boolean, what: string, limitMs = patienceMs): Promise<Account> {
    const deadline = performance.now() + limitMs
    for (;;) {
      const account = await this.account({ isSettled: false })
      if (isSo(account)) return account
      if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms, but ${JSON.stringify(account)}`)
      await sleep(50)
    }
  }

  /** Waits until it computes next to nothing any more. */
  async rests(limitMs = 60_000): Promise<void> {
    const deadline = performance.now() + limitMs
    for (let before = -Infinity; performance.now() < deadline; ) {
      const { cpuMs } = await this.account({ isSettled: false, limitMs })
      if (cpuMs - before < 10) return
      before = cpuMs
      await sleep(30)
    }
    throw new Error(`The process is still busy after ${limitMs} ms.`)
  }

  /** A client that comes now gets an echo. */
  async stillServes(auth?: string): Promise<void> {
    this.lives()
    const raw = new RawSocket(this.url, { session: randomSession(), turn: 1, ...(auth === undefined ? {} : { auth }) })
    try {
      await raw.opened()
      raw.send('m1:echo')
      await raw.has('0.1:echo')
      raw.socket.close(1000)
      await raw.over()
    } finally {
      raw.socket.terminate()
    }
    this.lives()
  }

  /** The process lives, and soon nothing is left of what came since: no socket, timer or session, and not much memory. */
  async returnsTo(before: Account, { mayGrowBytes = 8_000_000, limitMs = patienceMs } = {}): Promise<Account> {
    const isBack = ({ sockets, timers, sessions, resources }: Account) =>
      sockets <= before.sockets && timers <= before.timers && sessions <= before.sessions && isWithin(resources, before.resources)
    await this.until(isBack, 'what was there before the attack', limitMs)
    const after = await this.account()
    const grown = after.heap + after.external - before.heap - before.external
    if (grown > mayGrowBytes) throw new Error(`${grown} bytes are left of it: ${JSON.stringify({ before, after })}`)
    return after
  }

  /** Waits until the process ends, and tells how. */
  async ended(limitMs = patienceMs): Promise<Exit | null> {
    return Promise.race([this.#exited, sleep(limitMs, null, { ref: false })])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#exit) this.#child.kill('SIGKILL')
    await this.#exited
  }
}

function isWithin(resources: Account['resources'], before: Account['resources']): boolean {
  return Object.entries(resources).every(([name, count]) => count <= (before[name] ?? 0))
}
