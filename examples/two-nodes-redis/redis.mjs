import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'

/** Starts a Redis that stores nothing on disk and ends with this process. Resolves with its URL. */
export async function startRedis() {
  const port = await freePort()
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', tmpdir(), '--save', '', '--appendonly', 'no']
  const redis = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => redis.kill())
  const failed = new Promise((_, reject) => {
    redis.once('error', () => reject(new Error('There is no redis-server here. Install it, or set REDIS_URL.')))
    redis.once('exit', () => reject(new Error('redis-server has ended.')))
  })
  const output = createInterface({ input: redis.stdout })
  const ready = new Promise((resolve) => output.on('line', (line) => /Ready to accept/.test(line) && resolve()))
  await Promise.race([ready, failed])
  failed.catch(({ message }) => {
    console.error(message)
    process.exit(1)
  })
  return `redis://127.0.0.1:${port}`
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
