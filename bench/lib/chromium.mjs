/**
 * Chromium over a bare DevTools connection. Only the Target, Page, Runtime and HeapProfiler domains are used: the Network domain reports
 * every WebSocket frame to the driver, which triples the cost of a frame and would be measured instead of the client.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-port=0',
]
const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const launchLimitMs = 30_000

/** @returns {string} */
function findChromium() {
  const found = process.env['CHROME_PATH'] ?? places.find((place) => existsSync(place))
  if (found === undefined) throw new Error('There is no Chromium here: set CHROME_PATH to the program.')
  return found
}

/**
 * Waits for the file in which the browser writes the port and the path of its DevTools socket.
 * @param {string} folder
 * @param {import('node:child_process').ChildProcess} browser
 */
async function readEndpoint(folder, browser) {
  const file = join(folder, 'DevToolsActivePort')
  for (const end = Date.now() + launchLimitMs; Date.now() < end; await sleep(20)) {
    if (browser.exitCode !== null) throw new Error(`Chromium ended at once with code ${browser.exitCode}.`)
    const [port, path] = existsSync(file) ? (await readFile(file, 'utf8')).trim().split('\n') : []
    if (path !== undefined) return `ws://127.0.0.1:${port}${path}`
  }
  throw new Error(`Chromium did not open its DevTools port within ${launchLimitMs} ms.`)
}

/** The DevTools protocol: numbered commands, and events by name. */
class Connection {
  /** @type {Map<number, { resolve: (result: any) => void, reject: (error: Error) => void }>} */
  #pending = new Map()
  /** @type {Map<string, () => void>} */
  #waiting = new Map()
  #lastId = 0
  #socket

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.#socket = socket
    socket.on('message', (data) => this.#receive(JSON.parse(String(data))))
    socket.on('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('Chromium has gone.'))
      this.#pending.clear()
    })
  }

  /** @param {any} message */
  #receive({ id, result, error, method, sessionId }) {
    if (id === undefined) {
      this.#waiting.get(`${sessionId}:${method}`)?.()
      return
    }
    const waiter = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) waiter?.resolve(result)
    else waiter?.reject(new Error(error.message))
  }

  /**
   * @param {string} method
   * @param {object} [params]
   * @param {string} [sessionId]
   * @returns {Promise<any>}
   */
  send(method, params = {}, sessionId) {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }))
    })
  }

  /**
   * @param {string} sessionId
   * @param {string} method
   * @returns {Promise<void>}
   */
  once(sessionId, method) {
    const key = `${sessionId}:${method}`
    return new Promise((resolve) => {
      this.#waiting.set(key, () => {
        this.#waiting.delete(key)
        resolve()
      })
    })
  }
}

/** One page, in a window of its own, since Chromium throttles timers in background tabs. */
class Page {
  #connection
  #sessionId
  #targetId

  /**
   * @param {Connection} connection
   * @param {string} targetId
   * @param {string} sessionId
   */
  constructor(connection, targetId, sessionId) {
    this.#connection = connection
    this.#targetId = targetId
    this.#sessionId = sessionId
  }

  /** @param {string} url */
  async goto(url) {
    const loaded = this.#connection.once(this.#sessionId, 'Page.loadEventFired')
    await this.#connection.send('Page.enable', {}, this.#sessionId)
    const { errorText } = await this.#connection.send('Page.navigate', { url }, this.#sessionId)
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`)
    await loaded
    await this.#connection.send('Page.disable', {}, this.#sessionId)
    if ((await this.evaluate(() => document.visibilityState)) !== 'visible') throw new Error('The page is in the background.')
  }

  /**
   * Runs a function in the page and awaits its result.
   * @template {unknown[]} Args
   * @template Result
   * @param {(...args: Args) => Result} run
   * @param {Args} args
   * @returns {Promise<Awaited<Result>>}
   */
  async evaluate(run, ...args) {
    const expression = `(${run})(...${JSON.stringify(args)})`
    const params = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = await this.#connection.send('Runtime.evaluate', params, this.#sessionId)
    if (exceptionDetails !== undefined) {
      throw new Error(`In the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
    }
    return result.value
  }

  /** The size of its JavaScript heap after garbage collections, in bytes. */
  async heapBytes() {
    for (let round = 0; round < 3; round += 1) await this.#connection.send('HeapProfiler.collectGarbage', {}, this.#sessionId)
    const { usedSize } = await this.#connection.send('Runtime.getHeapUsage', {}, this.#sessionId)
    return Number(usedSize)
  }

  async close() {
    await this.#connection.send('Target.closeTarget', { targetId: this.#targetId })
  }
}

/** Starts a browser with a temporary profile. */
export async function launchChromium() {
  const folder = await mkdtemp(join(tmpdir(), 'steadfast-bench-'))
  const browser = spawn(findChromium(), [...flags, `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: 'ignore',
    detached: true,
  })
  // Kills its process group, so that helper processes end too, even if this process is interrupted.
  const kill = () => {
    try {
      if (browser.pid !== undefined) process.kill(-browser.pid, 'SIGKILL')
    } catch {
      // The browser has ended already.
    }
  }
  const interrupt = () => process.exit(130)
  process.once('exit', kill)
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)

  const socket = new WebSocket(await readEndpoint(folder, browser))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const connection = new Connection(socket)
  const { product } = await connection.send('Browser.getVersion')
  return {
    /** Its name and version. */
    product: String(product),
    /** @returns {Promise<Page>} */
    async newPage() {
      const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank', newWindow: true })
      const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true })
      return new Page(connection, targetId, sessionId)
    },
    async close() {
      const ended = new Promise((resolve) => browser.once('exit', resolve))
      await connection.send('Browser.close').catch(() => {})
      await Promise.race([ended, sleep(3_000)])
      socket.terminate()
      kill()
      process.off('exit', kill)
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** @typedef {Awaited<ReturnType<typeof launchChromium>>} Chromium */
