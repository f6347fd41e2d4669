import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

/** A load balancer without affinity: each connection goes to the next node that has a port. */
export function balancer(nodes) {
  let turn = 0
  return createServer((client) => {
    const alive = nodes.filter(({ port }) => port !== null)
    if (alive.length === 0) return client.destroy()
    turn += 1
    // If one side ends, so does the other.
    pipeline(client, connect(alive[turn % alive.length].port, '127.0.0.1'), client, () => {})
  })
}
