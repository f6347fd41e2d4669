import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CannotStart } from './options.mjs'

const script = fileURLToPath(new URL('node.mjs', import.meta.url))
/** So long a node that has died stays away. */
const downMs = 5000
/** So long a node has to end in order. */
const stopMs = 1500

/** A node in a process of its own, which is started again some seconds after it has died. */
export class NodeProcess {
  name
  #redisPort
  #onSay
  #child
  #timer
  #backAt = null
  #lives = 0
  #isStopped = false

  /** `onSay(json, key)` is called with what visitors say in the chat. */
  constructor(name, redisPort, onSay) {
    this.name = name
    this.#redisPort = redisPort
    this.#onSay = onSay
  }

  /** The port on which it listens; `null` while it does not. */
  port = null

  get state() {
    if (this.port !== null) return 'alive'
    return this.#child ? 'starting' : 'down'
  }

  /** Which of its lives this is. */
  get life() {
    return this.#lives
  }

  /** What the page shows of it. */
  get sight() {
    const { name, state } = this
    const backInMs = this.#backAt === null ? null : Math.max(0, this.#backAt - Date.now())
    return { name, state, pid: this.#child?.pid ?? null, backInMs }
  }

  /** Resolves once it listens. */
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

  /** As `kill -9`. Resolves once it is dead; whether there was something to kill. */
  async kill() {
    const child = this.#child
    if (!child) return false
    // Whatever comes from now on goes to the other one.
    this.port = null
    child.kill('SIGKILL')
    await once(child, 'exit')
    return true
  }

  /** Ends it in order, and for good. */
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
    // If it does not start now, it dies again, and the next attempt follows as this one did.
    this.#timer = setTimeout(() => this.start().catch(() => {}), downMs)
  }
}
