/**
 * Runs `redis-server` in a temporary folder, as a process beside the demo: Redis would not notice that its parent has died.
 * This process does; then it ends Redis and removes the folder. It reports to its parent by `{ ready }` or `{ failed }`.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const mostTries = 5
const readyWithinMs = 10_000
const shownLength = 2000
/** The version that `redisStore()` needs. */
const leastVersion = [6, 2]

const folder = mkdtempSync(join(tmpdir(), 'steadfast-demo-'))
let redis
let isEnding = false

process.once('disconnect', end)
process.once('SIGTERM', end)
if (!process.connected) end()
else await start(1)

async function start(tries) {
  const port = await freePort()
  if (isEnding) return
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no']
  redis = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'pipe'] })
  const slow = setTimeout(() => fail(`redis-server is not ready after ${readyWithinMs / 1000} s`), readyWithinMs)
  let written = ''
  const read = (chunk) => {
    written = (written + chunk).slice(-shownLength)
    if (!/Ready to accept connections/.test(written)) return
    clearTimeout(slow)
    const version = /Redis version=(\d+)\.(\d+)/.exec(written)?.slice(1).map(Number)
    if (version && isOlder(version))
      return fail(`redis-server is ${version.join('.')}; --redis needs ${leastVersion.join('.')} or later`)
    for (const stream of [redis.stdout, redis.stderr]) stream.off('data', read).resume()
    tell({ ready: { port, pid: redis.pid } })
  }
  redis.stdout.on('data', read)
  redis.stderr.on('data', read)
  redis.once('error', (error) => {
    clearTimeout(slow)
    redis = undefined
    fail(error.code === 'ENOENT' ? 'missing' : `redis-server does not start: ${error.message}`)
  })
  redis.once('exit', (code, signal) => {
    clearTimeout(slow)
    redis = undefined
    if (isEnding) return
    // Another process has taken the port since it was found free.
    if (/Address already in use/.test(written) && tries < mostTries) start(tries + 1)
    else fail(`redis-server has ended (${signal ?? `exit code ${code}`}):\n${written}`)
  })
}

function isOlder([major, minor]) {
  return major < leastVersion[0] || (major === leastVersion[0] && minor < leastVersion[1])
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function tell(message) {
  if (process.connected) process.send(message, () => {})
}

function fail(reason) {
  tell({ failed: reason })
  end()
}

function end() {
  if (isEnding) return
  isEnding = true
  const finish = () => {
    rmSync(folder, { recursive: true, force: true })
    // All messages have been sent by then, and nothing else keeps this process alive.
    if (process.connected) process.disconnect()
  }
  if (!redis) return finish()
  redis.once('exit', finish)
  redis.kill('SIGKILL')
}
