import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { build } from 'esbuild'
import type { Account } from '../attack/meters.ts'
import type { ScenarioName, ScenarioOptions } from '../attack/scenarios.ts'
import type { Order } from '../attack/server.ts'
import { RawSocket, randomSession, until } from './raw-client.ts'

// A row of `test/attack` is a server in a process of its own, an input, and what must be true afterwards:
//
//   await using server = await AttackedServer.start('plain', { limits: { maxMessageBytes: 1000 } })
//   const before = await server.account()
//   … bytes, by `RawTcp` of `raw-tcp.ts` or by `raw-client.ts` …
//   await server.stillServes()                            it is alive, and a new client gets an echo
//   await server.returnsTo(before)                        sockets, timers, sessions and memory are back at their old figures
//
// For inputs that block the event loop, `grewLinearly` (attack-costs.ts) compares the cost of size n with that of size 4 n.
// Server configurations have names in `test/attack/scenarios.ts`: add one there if none fits. Further requests to the process
// are an `Order` in `test/attack/server.ts`. The figures of an account are defined in `test/attack/meters.ts`.

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

/** The server bundled as one script, since Node 20 cannot run TypeScript; bundled once for all tests of a file. */
function script(): Promise<string> {
  bundled ??= build({
    entryPoints: [join(root, 'test/attack/server.ts')],
    absWorkingDir: root,
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    sourcemap: 'inline',
  }).then(({ outputFiles: [file] }) => file?.text ?? '')
  return bundled
}

/** A `RealtimeServer` in a process of its own, so that the effects of an input on the process can be observed from outside. */
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

  /** How the process ended; `null` while it runs. */
  get exit(): Exit | null {
    return this.#exit
  }

  /** Throws if the process has ended, with its stderr. */
  lives(): void {
    if (this.#exit) throw new Error(`The process has ended (${this.#exit.code ?? this.#exit.signal}): ${this.#exit.stderr}`)
  }

  /** Sends an order to the process, and resolves with its answer. */
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

  /** The current figures of the process; `isSettled`: after a garbage collection. */
  async account({ isSettled = true, limitMs = patienceMs } = {}): Promise<Account> {
    return (await this.order({ type: 'account', isSettled }, limitMs)) as Account
  }

  /** Restarts the measurements of CPU time and of the longest standstill of the event loop. */
  async reset(): Promise<void> {
    await this.order({ type: 'reset' })
  }

  /** Waits for an account that satisfies `isSo`, and returns it; on a timeout throws with the last one. */
  async until(isSo: (account: Account) => boolean, what: string, limitMs = patienceMs): Promise<Account> {
    const deadline = performance.now() + limitMs
    for (;;) {
      const account = await this.account({ isSettled: false })
      if (isSo(account)) return account
      if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms, but ${JSON.stringify(account)}`)
      await sleep(50)
    }
  }

  /** Waits until the process uses next to no CPU time. */
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

  /** Throws unless a new client gets an echo. */
  async stillServes(auth?: string): Promise<void> {
    this.lives()
    const raw = new RawSocket(this.url, { session: randomSession(), turn: 1, ...(auth === undefined ? {} : { auth }) })
    try {
      await raw.opened()
      raw.send('m1:echo')
      await until(() => raw.messages.some((each) => each.endsWith(':echo')), 'the echo never came')
      raw.socket.close(1000)
      await raw.over()
    } finally {
      raw.socket.terminate()
    }
    this.lives()
  }

  /** Throws unless the process runs and soon has no more sockets, timers and sessions than `before`, and little more memory. */
  async returnsTo(before: Account, { mayGrowBytes = 8_000_000, limitMs = patienceMs } = {}): Promise<Account> {
    const isBack = ({ sockets, timers, sessions, resources }: Account) =>
      sockets <= before.sockets && timers <= before.timers && sessions <= before.sessions && isWithin(resources, before.resources)
    await this.until(isBack, 'what was there before the attack', limitMs)
    const after = await this.account()
    const grown = after.heap + after.external - before.heap - before.external
    if (grown > mayGrowBytes) throw new Error(`${grown} bytes are left of it: ${JSON.stringify({ before, after })}`)
    return after
  }

  /** Waits until the process ends, and resolves with how it ended; `null` on a timeout. */
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
