import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fetchSpring, hasSpringJars, springArguments } from '../../scripts/fetch-spring.mjs'

const startWithinMs = 60_000

/** Starts the Spring application of the tests, whose STOMP endpoint is `/ws`, on a port that the system chooses. */
export async function startSpring() {
  const has = (command) => spawnSync(command, ['-version'], { stdio: 'ignore' }).error === undefined
  if (!has('java')) throw new Error('The chat needs Java for its Spring application: apt-get install default-jre-headless')
  if (!hasSpringJars() && !has('mvn')) throw new Error('The chat fetches Spring with Maven: apt-get install maven')
  fetchSpring()
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-spring-'))
  const settings = ['--server.port=0', '--server.address=127.0.0.1', '--server.shutdown=immediate']
  const program = spawn('java', ['-Xmx192m', `-Djava.io.tmpdir=${folder}`, ...springArguments, ...settings], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(program, 'exit')
  const killWithUs = () => program.kill('SIGKILL')
  process.once('exit', killWithUs)
  const stop = async () => {
    process.off('exit', killWithUs)
    program.kill()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  const port = await new Promise((resolve) => {
    const timer = setTimeout(resolve, startWithinMs)
    const done = (found) => {
      clearTimeout(timer)
      resolve(found)
    }
    createInterface(program.stdout).on('line', (line) => {
      const found = /^LISTENING (\d+)$/.exec(line)
      if (found) done(found[1])
    })
    exited.then(() => done())
  })
  if (port === undefined) {
    await stop()
    throw new Error('The Spring application did not start.')
  }
  return { url: `ws://127.0.0.1:${port}/ws`, pid: program.pid, exited, stop }
}
