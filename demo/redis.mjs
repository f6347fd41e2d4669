import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CannotStart } from './options.mjs'

const missing = `--redis needs redis-server (6.2 or later), which is not on the PATH. Install it:
  Debian, Ubuntu:  sudo apt-get install redis-server
  macOS:           brew install redis`

/**
 * Starts a Redis for the demo. It ends with this process, however that ends.
 * `onEnd(reason)` is called if Redis ends before `end()`.
 * @throws CannotStart if Redis is not installed
 */
export async function startRedis(onEnd) {
  // In a process group of its own, so that Ctrl-C and a closed terminal end the demo first, and then Redis.
  const keeper = fork(fileURLToPath(new URL('redis-keeper.mjs', import.meta.url)), [], {
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const ended = once(keeper, 'exit')
  const first = await Promise.race([once(keeper, 'message').then(([message]) => message), ended.then(() => ({}))])
  if (!first.ready) throw new CannotStart(first.failed === 'missing' ? missing : (first.failed ?? 'redis-server does not start'))
  let isEnding = false
  let reason
  keeper.on('message', ({ failed }) => {
    reason = failed
  })
  ended.then(() => {
    if (isEnding) return
    // A keeper that ended without a reason was killed, and could not end Redis.
    if (reason === undefined) killIfThere(first.ready.pid)
    onEnd(reason ?? 'the process that runs it was killed')
  })
  return {
    ...first.ready,
    async end() {
      isEnding = true
      if (keeper.connected) keeper.disconnect()
      await ended
    },
  }
}

function killIfThere(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has ended.
  }
}
