import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { listenOnLoopback } from './loopback.ts'

/** nginx with the lines of a snippet, on a port of its own. */
export async function startNginx(lines: string): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'readme-nginx-'))
  const port = await freePort()
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`)
  const listening = lines.replace(/listen 80;/, `listen 127.0.0.1:${port};`)
  if (listening === lines) throw new Error('the snippet listens on another port than 80')
  const config = join(folder, 'nginx.conf')
  const log = join(folder, 'error.log')
  writeFileSync(
    config,
    `daemon off; master_process off; pid ${folder}/nginx.pid; events {} http { access_log off; ${folders.join(' ')}\n${listening} }`,
  )
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin` }
  const nginx = spawn('nginx', ['-p', folder, '-c', config, '-e', log], { stdio: 'ignore', env })
  const exited = once(nginx, 'exit')
  exited.catch(() => {})
  const origin = `http://127.0.0.1:${port}`
  try {
    await once(nginx, 'spawn')
    await vi.waitFor(() => fetch(origin), { timeout: 5000, interval: 20 })
  } catch (cause) {
    nginx.kill()
    throw new Error(`nginx does not run with these lines, or is missing (apt-get install nginx):\n${read(log)}`, { cause })
  }
  return {
    origin,
    async close() {
      nginx.kill()
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
