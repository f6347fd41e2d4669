/**
 * A program: many WebSockets to one server, which count messages. With a session's hello, or as socket.io clients, they
 * implement as much of the protocol as they need to stay connected.
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { answerParent } from './processes.mjs'

const atOnce = 50
let received = 0
let closed = 0

/** @typedef {(frame: string, socket: WebSocket, isThere: () => void) => void} Hear */

/** @returns {Hear} */
function hearSession() {
  let epoch = ''
  return (frame, socket, isThere) => {
    const [kind] = frame
    if (kind === 'o') {
      epoch = JSON.parse(frame.slice(1)).epoch
      socket.send('t1')
      isThere()
    } else if (kind === 's') socket.send(`a0.${JSON.parse(frame.slice(1)).at}~${epoch}`)
    else if (kind === 'p') socket.send('q')
    else if (kind === 'M') for (const [, , ...texts] of JSON.parse(frame.slice(1))) received += texts.length
    else if (kind === 'm') received += 1
  }
}

/** @type {Hear} */
function hearSocketIo(frame, socket, isThere) {
  if (frame.startsWith('0')) socket.send('40')
  else if (frame.startsWith('40')) isThere()
  else if (frame === '2') socket.send('3')
  else received += 1
}

/** @type {Hear} */
function hearRaw() {
  received += 1
}

/** @type {Record<string, () => Hear>} */
const hearings = { session: hearSession, 'socket.io': () => hearSocketIo, raw: () => hearRaw }

/**
 * @param {string} url
 * @param {string} speech
 * @returns {Promise<void>} resolves when messages can arrive
 */
function open(url, speech) {
  const hello = { v: 1, session: randomBytes(16).toString('base64url'), k: 1, n: 1, last: 0 }
  const token = `s.${Buffer.from(JSON.stringify(hello)).toString('base64url')}`
  const socket = new WebSocket(url, speech === 'session' ? ['steadfast.v1', token] : [], { perMessageDeflate: false })
  const hear = hearings[speech]?.() ?? hearRaw
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => {
      closed += 1
      reject(new Error(`closed: ${code} ${reason}`))
    })
    if (hear === hearRaw) socket.on('open', () => resolve())
    socket.on('message', (data) => hear(hear === hearRaw ? '' : String(data), socket, resolve))
  })
}

await answerParent(createServer(), {
  async open({ url, count, speech, perSecond = Number.POSITIVE_INFINITY }) {
    for (let opened = 0; opened < Number(count); opened += atOnce) {
      // Delays are not made up for, since a server may refuse clients that connect faster.
      const startedAt = Date.now()
      const dials = Array.from({ length: Math.min(Number(count) - opened, atOnce) }, () => open(String(url), String(speech)))
      await Promise.all(dials)
      const aheadMs = (atOnce / Number(perSecond)) * 1_000 - (Date.now() - startedAt)
      if (aheadMs > 0) await sleep(aheadMs)
    }
    return {}
  },
  received: () => ({ messages: received, closed }),
})
