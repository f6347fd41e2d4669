/**
 * A TCP proxy with latency and faults, in front of any server, so that they are the same for every client.
 */
import { connect, createServer } from 'node:net'
import { performance } from 'node:perf_hooks'

const upgradeRequest = /^GET [^\r\n]+ HTTP\/1\.1\r\n[\s\S]*^upgrade: *websocket\r$/im
const refusal = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'

/**
 * @typedef {object} Faults
 * @property {number} target the port of the server behind it
 * @property {number} [rttMs] the round-trip time: bytes take half of it each way, and the first bytes of a new connection one
 *   round trip more, for the TCP handshake
 * @property {'pass' | 'refuse' | 'swallow' | 'kill' | 'mute'} [upgrade] what happens to a WebSocket handshake: passed on,
 *   answered with 400, never answered, answered and its connection reset `killAfterMs` later, or answered and nothing passed on
 *   afterwards
 * @property {number} [killAfterMs]
 *
 * @typedef {Awaited<ReturnType<typeof startProxy>>} Proxy
 */

/**
 * The part of a chunk up to the end of the head; `null` if the chunk does not contain that end.
 * @param {Buffer} chunk
 */
function headOf(chunk) {
  const end = chunk.indexOf('\r\n\r\n')
  return end < 0 ? null : chunk.subarray(0, end + 4)
}

/**
 * Forwards chunks in order, each at its time.
 * @param {import('node:net').Socket} to
 */
function delayLine(to) {
  /** @type {{ dueAt: number, chunk: Uint8Array | null }[]} */
  const queue = []
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const flush = () => {
    timer = undefined
    for (let next = queue[0]; next !== undefined && next.dueAt <= performance.now() + 0.5; next = queue[0]) {
      queue.shift()
      if (next.chunk === null) to.end()
      else if (!to.destroyed) to.write(next.chunk)
    }
    if (queue[0] !== undefined) timer = setTimeout(flush, queue[0].dueAt - performance.now())
  }
  return {
    /**
     * @param {Uint8Array | null} chunk `null` is the end
     * @param {number} dueAt
     */
    push(chunk, dueAt) {
      queue.push({ chunk, dueAt })
      if (timer === undefined) flush()
    },
    stop() {
      clearTimeout(timer)
      queue.length = 0
    },
  }
}

/** @param {Faults} faults */
export async function startProxy({ target, rttMs = 0, upgrade = 'pass', killAfterMs = 150 }) {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set()
  /** The open connections, with their faults. @type {Set<{ reset: () => void, silence: () => void }>} */
  const connections = new Set()
  let upgrades = 0

  const server = createServer((near) => {
    const openedAt = performance.now() + rttMs
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const up = delayLine(far)
    const down = delayLine(near)
    near.setNoDelay(true)
    /** @type {NodeJS.Timeout | undefined} */
    let killer
    let isUpgrade = false
    let isFirst = true
    let isSilent = false
    let isAnswered = false

    const reset = () => {
      near.resetAndDestroy()
      far.resetAndDestroy()
      end()
    }
    const connection = {
      reset,
      silence: () => {
        isSilent = true
        up.stop()
        down.stop()
      },
    }
    connections.add(connection)
    const end = () => {
      connections.delete(connection)
      clearTimeout(killer)
      up.stop()
      down.stop()
      sockets.delete(near)
      sockets.delete(far)
      near.destroy()
      far.destroy()
    }
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(socket)
      socket.on('error', () => {
        if (!isSilent) end()
      })
      // The other side of a silenced connection never learns of its end.
      socket.on('close', () => {
        if (rttMs === 0 && !isSilent) end()
        else if (isSilent && other.destroyed) end()
      })
    }
    near.on('data', (data) => {
      if (isSilent) return
      const chunk = Buffer.from(data)
      if (isFirst) {
        isFirst = false
        isUpgrade = upgradeRequest.test(chunk.toString('latin1'))
        if (isUpgrade) upgrades += 1
      }
      if (isUpgrade && (upgrade === 'swallow' || (upgrade === 'mute' && isAnswered))) return
      const dueAt = Math.max(performance.now(), openedAt) + rttMs / 2
      if (isUpgrade && upgrade === 'refuse') {
        down.push(Buffer.from(refusal), dueAt + rttMs / 2)
        down.push(null, dueAt + rttMs / 2)
      } else up.push(chunk, dueAt)
    })
    far.on('data', (data) => {
      if (isSilent) return
      const chunk = Buffer.from(data)
      if (isUpgrade && upgrade === 'mute') {
        const head = isAnswered ? null : headOf(chunk)
        isAnswered = true
        if (head !== null) down.push(head, performance.now() + rttMs / 2)
        return
      }
      down.push(chunk, performance.now() + rttMs / 2)
      if (isUpgrade && upgrade === 'kill') {
        killer ??= setTimeout(
          () => {
            near.resetAndDestroy()
            end()
          },
          killAfterMs + rttMs / 2,
        )
      }
    })
    near.on('end', () => {
      if (!isSilent) up.push(null, Math.max(performance.now(), openedAt) + rttMs / 2)
    })
    far.on('end', () => {
      if (!isSilent) down.push(null, performance.now() + rttMs / 2)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    /** How many WebSocket handshakes have been requested. */
    get upgrades() {
      return upgrades
    },
    /** Resets every open connection. */
    reset() {
      for (const connection of [...connections]) connection.reset()
    },
    /** Silences every open connection: neither bytes nor its end pass. Later connections work. */
    silence() {
      for (const connection of connections) connection.silence()
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
