import { WebSocket } from 'ws'

/** How a dial ended: opened, or failed with the status of an HTTP answer, or with the code of a system error. */
export type DialOutcome = { readonly open: true } | { readonly open: false; readonly why: number | string }

export interface SocketProbe {
  readonly socket: WebSocket
  readonly dialled: Promise<DialOutcome>
  /** Resolves with the close code and reason; 1006 if the connection was never open. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** The messages received so far, text as strings. */
  readonly messages: readonly (string | Buffer)[]
}

/** A WebSocket that records what happens to it and never throws. */
export function probeSocket(url: string, protocols: string[] = []): SocketProbe {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { perMessageDeflate: false })
  const messages: (string | Buffer)[] = []
  socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()))
  const dialled = new Promise<DialOutcome>((resolve) => {
    socket.on('open', () => resolve({ open: true }))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve({ open: false, why: error.code ?? error.message }))
    socket.on('unexpected-response', (request, response) => {
      resolve({ open: false, why: response.statusCode ?? 0 })
      request.destroy()
    })
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  return { socket, dialled, closed, messages }
}
