import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Listening } from './front.ts'

/** More connections than fit into the queue of a listener with a backlog of 1. */
const knocks = 4

/** Listens and never accepts. It is a string, since the bundled lab has no script files beside it. */
const program = `const server = require('node:net').createServer()
server.listen({ host: process.argv[1], port: 0, backlog: 1 }, () => {
  require('node:fs').writeSync(1, server.address().port + '\\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** An address where the kernel drops SYNs, as a firewall would: the accept queue of a stopped process is full. */
export async function startSilentListener(ip: string): Promise<Listening> {
  const child = spawn(process.execPath, ['-e', program, ip], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  const knocking = Array.from({ length: knocks }, () => connect({ host: ip, port }).on('error', () => {}))
  await sleep(100)
  return {
    port,
    origin: `http://${ip}:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of knocking) socket.destroy()
      const isGone = once(child, 'exit')
      child.kill('SIGKILL')
      await isGone
    },
  }
}
