import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP forwarder whose target can change, like an address that is moved to another server. */
export interface Forwarder extends AsyncDisposable {
  readonly port: number
  /** Sets the target of new connections, and cuts existing ones. */
  lead(port: number): void
  /** Drops all bytes without closing: on all connections while `true`, or for ever on those open before (`'of before'`). */
  silence(which: boolean | 'of before'): void
}

/** @param target a port, or a function that is called for the port of each connection */
export async function startForwarder(target: number | (() => number)): Promise<Forwarder> {
  let to = target
  let silent: boolean | 'of before' = false
  let muted = new Set<Socket>()
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(typeof to === 'number' ? to : to(), '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('data', (data) => {
        if (silent !== true && !muted.has(socket)) other.write(data)
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    lead(port) {
      to = port
      cut()
    },
    silence(which) {
      silent = which
      muted = new Set(which === 'of before' ? sockets : [])
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
