import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerHost } from '../node/host.ts'

/** Requests of one connection that may always wait; up to `maxOfOne` may while fewer than `maxInAll` wait in total. */
const fewOfOne = 16
const maxOfOne = 512
const maxInAll = 4096

interface Queue {
  waiting: number
  isPausing: boolean
}

/**
 * Handles pipelined requests (HTTP/1.1) one after the other: each when its answer can be written. Until then nothing more is read
 * from the connection.
 */
export class PipelinedRequests {
  readonly #after: ServerHost['after']
  readonly #queues = new WeakMap<Duplex, Queue>()
  #inAll = 0

  constructor(after: ServerHost['after']) {
    this.#after = after
  }

  take(request: IncomingMessage, response: ServerResponse, handle: () => void): void {
    // Node assigns the socket to a response when its turn has come. HTTP/2 has no order to keep.
    if (response.socket !== null || request.httpVersionMajor > 1) {
      handle()
      return
    }
    const { socket } = request
    const queue = this.#queueOf(socket)
    if (queue.waiting >= maxOfOne || (this.#inAll >= maxInAll && queue.waiting >= fewOfOne)) {
      socket.destroy()
      return
    }
    queue.waiting += 1
    this.#inAll += 1
    this.#pause(socket, queue)
    response.once('socket', () => {
      queue.waiting -= 1
      this.#inAll -= 1
      // Node moves on to the next request of a lost connection. To read or to answer there would violate Node's own order, and
      // its assertion would end the process.
      if (socket.destroyed) return
      if (queue.waiting === 0) socket.resume()
      handle()
    })
  }

  /** Node resumes reading after every parsed request, so the pause has to wait until then. */
  #pause(socket: Duplex, queue: Queue): void {
    if (queue.isPausing) return
    queue.isPausing = true
    this.#after(0, () => {
      queue.isPausing = false
      if (queue.waiting > 0) socket.pause()
    })
  }

  #queueOf(socket: Duplex): Queue {
    let queue = this.#queues.get(socket)
    if (!queue) {
      const made = { waiting: 0, isPausing: false }
      queue = made
      this.#queues.set(socket, made)
      socket.once('close', () => {
        this.#inAll -= made.waiting
        made.waiting = 0
      })
    }
    return queue
  }
}
