import { get, type Server } from 'node:http'
import { WebSocket } from 'ws'

/** Another library on the same HTTP server. */
export interface Neighbour {
  /** Throws unless it works as it would without steadfast. */
  check(port: number): Promise<void>
  end?(): unknown
}

/** Installs a neighbour on a server. */
export type Moving = (http: Server) => Neighbour | Promise<Neighbour>

/** Throws unless a GET is answered with 200 and a body that begins with this text. */
export async function isAnswered(port: number, path: string, expected: string): Promise<void> {
  // Without keep-alive, so that the server can close.
  const answered = await new Promise<string>((resolve, reject) => {
    get({ port, path, host: '127.0.0.1', agent: false }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve(`${response.statusCode} ${body}`)
    }).on('error', reject)
  })
  if (!answered.startsWith(`200 ${expected}`)) throw new Error(`${path} was answered ${answered}`)
}

/** Sends a text, and waits for a message that begins with another one. */
export function isEchoed(port: number, path: string, sent: string, expected: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    socket.on('open', () => socket.send(sent))
    socket.on('message', (data) => {
      if (!String(data).startsWith(expected)) return
      resolve()
      socket.close()
    })
    socket.on('error', reject)
    socket.on('close', (code) => reject(new Error(`${path} was closed with ${code}`)))
  })
}
