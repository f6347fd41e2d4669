import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { fetchSpring, springArguments } from '../../scripts/fetch-spring.mjs'
import { isEquippedWith, want } from './equipment.ts'

/**
 * The Spring application of the tests (test/support/spring/Application.java): STOMP at `/ws` over a WebSocket and at `/sockjs` over
 * SockJS, with the destinations `/app/echo` (answers at `/user/queue/echo`) and `/app/chat` (for `/topic/chat`); at `/echo` SockJS alone.
 */
export interface Spring extends AsyncDisposable {
  readonly port: number
  /** `http://127.0.0.1:port` */
  readonly origin: string
  /** What it has printed so far. */
  log(): string
}

/** Starts the application of a `describe` before its tests and stops it after them. */
export function useSpring(started: (spring: Spring) => void): void {
  let spring: Spring | undefined
  beforeAll(async () => {
    if (!(await isEquippedWith('Spring'))) return
    spring = await startSpring()
    started(spring)
  }, 120_000)
  beforeEach((context) => want(context, 'Spring'))
  afterAll(() => spring?.[Symbol.asyncDispose]())
}

/** Settings for a small JVM that starts quickly: a server with a handful of clients needs no optimizing compiler. */
const java = ['-Xmx192m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC']

/**
 * Starts it on a port that the system chooses, or on this one. It is stopped at the end by its process id.
 * @param settings properties of Spring Boot beside the port, as `{ 'logging.level.root': 'debug' }`
 */
export async function startSpring(port = 0, settings: Readonly<Record<string, string>> = {}): Promise<Spring> {
  // Recompiles the application if its source has changed.
  fetchSpring()
  const folder = mkdtempSync(join(tmpdir(), 'spring-'))
  const properties = { 'server.port': port, 'server.address': '127.0.0.1', 'server.shutdown': 'immediate', ...settings }
  const given = Object.entries(properties).map(([name, value]) => `--${name}=${value}`)
  const application = spawn('java', [...java, `-Djava.io.tmpdir=${folder}`, ...springArguments, ...given], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killWithUs = () => void application.kill('SIGKILL')
  process.once('exit', killWithUs)
  let log = ''
  for (const output of [application.stdout, application.stderr]) {
    output.setEncoding('utf8')
    output.on('data', (text: string) => {
      log += text
    })
  }
  const exited = once(application, 'exit')
  async function stop(): Promise<void> {
    application.kill('SIGKILL')
    await exited
    process.off('exit', killWithUs)
    rmSync(folder, { recursive: true, force: true })
  }
  const isOver = exited.then(() => null)
  while (true) {
    const listening = /^LISTENING (\d+)$/m.exec(log)?.[1]
    if (listening !== undefined) {
      return {
        port: Number(listening),
        origin: `http://127.0.0.1:${listening}`,
        log: () => log,
        [Symbol.asyncDispose]: stop,
      }
    }
    const more = once(application.stdout, 'data').then(() => true)
    if ((await Promise.race([more, isOver])) === null) {
      await stop()
      throw new Error(`Spring did not start:\n${log}`)
    }
  }
}
