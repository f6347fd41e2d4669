/** A Redis server for one experiment, which writes nothing to disk, with its CPU time and memory. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'

const limitMs = 10_000

/**
 * @typedef {object} Redis
 * @property {string} url
 * @property {() => Promise<number>} cpuMs CPU time so far, in milliseconds
 * @property {() => Promise<number>} memoryBytes the memory allocated by it
 * @property {() => Promise<void>} stop
 */

/** @returns {Promise<Redis>} */
export async function startRedis() {
  const folder = await mkdtemp(join(tmpdir(), 'steadfast-bench-'))
  const port = await freePort()
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' }
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', words, { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  /** @type {Promise<never>} */
  const failed = new Promise((_, reject) => {
    child.once('error', (cause) => reject(new Error('redis-server did not start: is it installed?', { cause })))
  })
  // Ends Redis with a bench that ends early.
  const kill = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', kill)
  const url = `redis://127.0.0.1:${port}`
  const client = await Promise.race([connect(url), failed])
  /** @param {string} section */
  const info = async (section) => {
    const text = await client.info(section)
    return (/** @type {string} */ name) => Number(new RegExp(`^${name}:(.*)`, 'm').exec(text)?.[1])
  }
  return {
    url,
    async cpuMs() {
      const of = await info('cpu')
      return (of('used_cpu_user') + of('used_cpu_sys')) * 1_000
    },
    async memoryBytes() {
      const of = await info('memory')
      return of('used_memory')
    },
    async stop() {
      client.destroy()
      process.removeListener('exit', kill)
      kill()
      await ended
    },
  }
}

/** @param {string} url */
async function connect(url) {
  for (const end = Date.now() + limitMs; ; await sleep(25)) {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  await new Promise((resolve) => server.close(resolve))
  return port
}
