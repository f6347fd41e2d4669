/**
 * What `npm run demo` runs: builds, then becomes the demo's server. All in one process and without `&&` in a shell, so that a
 * signal to npm reaches it; and it ends when npm has ended.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { CannotStart, parseParameters } from './options.mjs'

const lookEveryMs = 500

try {
  // Before the build, which takes a minute.
  parseParameters(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof CannotStart)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

const { ppid } = process
setInterval(() => process.ppid !== ppid && process.kill(process.pid, 'SIGTERM'), lookEveryMs).unref()

process.stdout.write('Building, which takes about a minute …\n')
const npm = process.env.npm_execpath
const build = npm
  ? spawn(process.execPath, [npm, 'run', '--silent', 'build'], { stdio: 'inherit' })
  : spawn('npm', ['run', '--silent', 'build'], { stdio: 'inherit', shell: true })
const giveUp = () => {
  build.kill()
  process.exit(1)
}
const signals = ['SIGINT', 'SIGTERM']
for (const signal of signals) process.once(signal, giveUp)
const [status] = await once(build, 'exit')
for (const signal of signals) process.off(signal, giveUp)
if (status !== 0) process.exit(status ?? 1)
await import('./server.mjs')
