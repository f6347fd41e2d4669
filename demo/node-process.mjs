import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CannotStart } from './options.mjs'

const script = fileURLToPath(new URL('node.mjs', import.meta.url))
/** How long a dead node stays down, in milliseconds. */
const downMs = 5000
/** How long a node may take to exit after SIGTERM. */
const stopMs = 1500

/** A node in a process of its own, which is restarted some seconds after it has died. */
export class NodeProcess {
  name
  #redisPort
  #onSay
  #child
  #timer
  #backAt = null
  #lives = 0
  #isStopped = false

  /** `onSay(json, key)` is called with the chat messages of visitors. */
  constructor(name, redisPort, onSay) {
    this.name = name
    this.#redisPort = redisPort
    this.#onSay = onSay
  }

  /** The port on which it listens; `null` while it does not listen. */
  port = null

  get state() {
    if (this.port !== null) return 'alive'
    return this.#child ? 'starting' : 'down'
  }

  /** The number of its current process. */
  get life() {
    return this.#lives
  }

  /** Its state as shown on the page. */
  get sight() {
    const { name, state } = this
    const backInMs = this.#backAt === null ? null : Math.max(0, this.#backAt - Date.now())
    return { name, state, pid: this.#child?.pid ?? null, backInMs }
  }

  /** Starts the process; resolves once it listens. */
  async start() {
    this.#isStopped = false
    this.#backAt = null
    this.#lives += 1
    const child = fork(script, [String(this.#redisPort)], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#child = child
    child.on('message', ({ port, say, key }) => {
      if (say !== undefined) this.#onSay(say, key)
      if (port !== undefined && this.#child === child) this.port = port
    })
    child.once('exit', () => this.#child === child && this.#died())
    await Promise.race([once(child, 'message'), once(child, 'exit')])
    if (this.port === null && !this.#isStopped) throw new CannotStart(`Node ${this.name} does not start.`)
  }

  /** Kills the process, as `kill -9`. Resolves once it is dead, with whether there was one. */
  async kill() {
    const child = this.#child
    if (!child) return false
    // New requests go to the other node from now on.
    this.port = null
    child.kill('SIGKILL')
    await once(child, 'exit')
    return true
  }

  /** Shuts the process down, without a restart. */
  async stop() {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#backAt = null
    this.port = null
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await exited
    clearTimeout(late)
  }

  #died() {
    this.port = null
    this.#child = undefined
    this.#backAt = Date.now() + downMs
    // A process that fails to start is handled like one that has died, so the next attempt follows.
    this.#timer = setTimeout(() => this.start().catch(() => {}), downMs)
  }
}
