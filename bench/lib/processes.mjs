/** Servers in processes of their own, so that their costs can be measured separately. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * The requests that a process answers, by name; results are numbers.
 * @typedef {Record<string, (details: Record<string, number | string>) => Numbers | Promise<Numbers>>} Duties
 * @typedef {Record<string, number>} Numbers
 *
 * @typedef {object} Process
 * @property {string} origin
 * @property {(duty: string, details?: Record<string, number | string>) => Promise<Numbers>} ask
 * @property {() => void} stop
 */

/**
 * @param {string} name the file name of a program in this folder
 * @param {readonly string[]} [args]
 * @returns {Promise<Process>}
 */
export async function startProcess(name, args = []) {
  const program = fileURLToPath(new URL(name, import.meta.url))
  const child = fork(program, args, { execArgv: ['--expose-gc'] })
  /** @type {Map<number, { resolve: (numbers: Numbers) => void, reject: (error: Error) => void }>} */
  const waiting = new Map()
  let lastId = 0
  /** @type {number} */
  const port = await new Promise((resolve, reject) => {
    child.once('exit', () => reject(new Error(`${name} ended before it listened.`)))
    child.once('message', ({ port }) => resolve(port))
  })
  child.on('message', ({ id, numbers, error }) => {
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (error === undefined) resolve?.(numbers)
    else reject?.(new Error(`${name}: ${error}`))
  })
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} has ended.`))
  })
  return {
    origin: `http://127.0.0.1:${port}`,
    ask: (duty, details = {}) =>
      new Promise((resolve, reject) => {
        lastId += 1
        waiting.set(lastId, { resolve, reject })
        child.send({ id: lastId, duty, details })
      }),
    stop: () => {
      if (child.connected) child.disconnect()
    },
  }
}

/** Requests that every process answers. */
const own = {
  /** Its CPU time so far, in milliseconds. */
  cpu() {
    const { user, system } = process.cpuUsage()
    return { ms: (user + system) / 1_000 }
  },
  /** Its memory after garbage collections. */
  async memory() {
    for (let round = 0; round < 4; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      global.gc?.()
    }
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed }
  },
}

/**
 * The other side: reports its port, and answers requests, until its parent process has ended.
 * @param {import('node:http').Server} server
 * @param {Duties} [duties]
 * @param {number} [at] the port; 0 for any free one
 */
export async function answerParent(server, duties = {}, at = 0) {
  await new Promise((resolve) => server.listen(at, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  process.on(
    'message',
    async (/** @type {{ id: number, duty: string, details: Record<string, number | string> }} */ question) => {
      const { id, duty, details } = question
      try {
        const run = { ...own, ...duties }[duty]
        if (run === undefined) throw new Error(`Nobody does ${duty} here.`)
        process.send?.({ id, numbers: await run(details) })
      } catch (error) {
        process.send?.({ id, error: String(error) })
      }
    },
  )
  process.on('disconnect', () => process.exit())
  process.send?.({ port })
}
