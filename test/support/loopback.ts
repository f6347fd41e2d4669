import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Listens on 127.0.0.1, by default on a port that the system chooses; returns the port.
 *
 * Retries for a while: the old port of a restarted server may be used for a moment by an outgoing connection.
 */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    } catch (error) {
      if (attempt === 20) throw error
      await sleep(50)
    }
  }
}

/** Resolves when the kernel refuses connections; the callback of `close` would wait for the last open one to end. */
export async function stopListening(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  await new Promise((resolve) => setImmediate(resolve))
}

/** A port for a program that cannot be told to choose one itself. */
export async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listenOnLoopback(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
