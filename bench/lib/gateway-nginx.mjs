/** nginx as a WebSocket proxy, in a folder of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @param {string} target the backend's origin, as `http://127.0.0.1:9000`
 * @returns {Promise<import('./processes.mjs').Process & { stop: () => Promise<void> }>}
 */
export async function startNginx(target) {
  const folder = await mkdtemp(join(tmpdir(), 'steadfast-bench-nginx-'))
  const port = await freePort()
  const configuration = `
    daemon off; master_process on; worker_processes 1; worker_rlimit_nofile 20000; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 10000; }
    http {
      access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass ${target}; proxy_http_version 1.1; proxy_read_timeout 1h;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        }
      }
    }`
  await writeFile(join(folder, 'nginx.conf'), configuration)
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder], { stdio: 'ignore' })
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (tries > 200 || child.exitCode !== null) throw new Error('nginx does not listen: apt-get install nginx')
    await sleep(25)
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    ask: async (duty) => {
      if (duty !== 'memory') throw new Error(`Nobody does ${duty} here.`)
      await sleep(500)
      return { rss: await rssOf(child.pid ?? 0) }
    },
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * The memory of a process and its children, in bytes.
 * @param {number} parent
 */
async function rssOf(parent) {
  let bytes = 0
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    const [, ppid] = /^PPid:\s+(\d+)$/m.exec(status) ?? []
    const [, kib = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
    if (Number(name) === parent || Number(ppid) === parent) bytes += Number(kib) * 1024
  }
  return bytes
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return port
}

/** @param {number} port @returns {Promise<boolean>} */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => resolve(true) ?? socket.destroy())
    socket.on('error', () => resolve(false))
  })
}
