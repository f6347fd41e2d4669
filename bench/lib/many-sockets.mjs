/** A program: many WebSockets to one server, which count what comes. With a session's hello they speak as much of it as they need. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { WebSocket } from 'ws'
import { answerParent } from './processes.mjs'

const atOnce = 50
let received = 0

/**
 * @param {string} url
 * @param {boolean} isSession
 * @returns {Promise<void>} when something can come
 */
function open(url, isSession) {
  const hello = { v: 1, session: randomBytes(16).toString('base64url'), k: 1, n: 1, last: 0 }
  const protocols = isSession ? ['steadfast.v1', `s.${Buffer.from(JSON.stringify(hello)).toString('base64url')}`] : []
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => reject(new Error(`closed: ${code} ${reason}`)))
    if (!isSession) socket.on('open', () => resolve())
    socket.on('message', (data) => {
      const frame = isSession ? String(data) : ''
      const [kind] = frame
      if (kind === 'o') {
        socket.send('t1')
        resolve()
      } else if (kind === 'p') socket.send('q')
      else if (kind === 'M') for (const [, , ...texts] of JSON.parse(frame.slice(1))) received += texts.length
      else if (!isSession || kind === 'm') received += 1
    })
  })
}

await answerParent(createServer(), {
  async open({ url, count, isSession }) {
    for (let left = Number(count); left > 0; left -= atOnce) {
      const dials = Array.from({ length: Math.min(left, atOnce) }, () => open(String(url), isSession === 1))
      await Promise.all(dials)
    }
    return {}
  },
  received: () => ({ messages: received }),
})
