import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createDecoder, readVarUint, readVarUint8Array } from 'lib0/decoding'
import { createEncoder, length, toUint8Array, writeVarUint, writeVarUint8Array } from 'lib0/encoding'
import { type WebSocket, WebSocketServer } from 'ws'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness'
import { readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync'
import * as Y from 'yjs'

const [sync, awareness] = [0, 1]

interface Room {
  readonly document: Y.Doc
  readonly presence: Awareness
  readonly sockets: Set<WebSocket>
}

export interface YServer extends AsyncDisposable {
  readonly url: string
  rooms(): readonly string[]
}

/** A server of y-websocket's protocol (y-protocols) with a room per path, since the original's package cannot be installed. */
export async function startYServer(): Promise<YServer> {
  const rooms = new Map<string, Room>()
  const http = createServer()
  const server = new WebSocketServer({ server: http })
  server.on('connection', (socket, { url = '/' }) => {
    const room = roomOf(new URL(url, 'ws://server').pathname.slice(1))
    socket.binaryType = 'nodebuffer'
    socket.on('error', () => {})
    room.sockets.add(socket)
    socket.on('close', () => room.sockets.delete(socket))
    socket.on('message', (data: Buffer) => receive(room, socket, new Uint8Array(data)))
    const first = createEncoder()
    writeVarUint(first, sync)
    writeSyncStep1(first, room.document)
    socket.send(toUint8Array(first))
    if (room.presence.getStates().size > 0)
      socket.send(presenceMessage(encodeAwarenessUpdate(room.presence, [...room.presence.getStates().keys()])))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    rooms: () => [...rooms.keys()],
    async [Symbol.asyncDispose]() {
      for (const { presence, document } of rooms.values()) {
        presence.destroy()
        document.destroy()
      }
      for (const client of server.clients) client.terminate()
      await new Promise((resolve) => http.close(resolve))
    },
  }

  function roomOf(name: string): Room {
    const known = rooms.get(name)
    if (known) return known
    const document = new Y.Doc()
    const room: Room = { document, presence: new Awareness(document), sockets: new Set() }
    room.presence.setLocalState(null)
    document.on('update', (update: Uint8Array) => {
      const message = createEncoder()
      writeVarUint(message, sync)
      writeUpdate(message, update)
      for (const each of room.sockets) each.send(toUint8Array(message))
    })
    rooms.set(name, room)
    return room
  }
}

function receive(room: Room, socket: WebSocket, data: Uint8Array): void {
  const decoder = createDecoder(data)
  if (readVarUint(decoder) === awareness) {
    const update = readVarUint8Array(decoder)
    applyAwarenessUpdate(room.presence, update, socket)
    for (const each of room.sockets) each.send(presenceMessage(update))
    return
  }
  const answer = createEncoder()
  writeVarUint(answer, sync)
  readSyncMessage(decoder, answer, room.document, socket)
  if (length(answer) > 1) socket.send(toUint8Array(answer))
}

function presenceMessage(update: Uint8Array): Uint8Array {
  const message = createEncoder()
  writeVarUint(message, awareness)
  writeVarUint8Array(message, update)
  return toUint8Array(message)
}
