import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { session } from '../../src/session/index.ts'
import { HandSocket, handNetwork } from '../support/hand-network.ts'
import { manualPage, promised } from '../support/manual-host.ts'
import { recordedPath } from '../support/recorded-path.ts'

/** The functions that a message and a failure pass, as docs/ARCHITECTURE.md lists them. WRITE_PATHS=1 writes the lists. */
const page = resolve(import.meta.dirname, '../../docs/ARCHITECTURE.md')

type Name = 'a message up' | 'a message down' | 'a failure'
type Mode = 'plain mode' | 'a session'

/** The paths of a client over a WebSocket that sends a message, receives one, and then loses its connection. */
async function pathsOf(mode: Mode): Promise<Map<Name, readonly string[]>> {
  const paths = new Map<Name, readonly string[]>()
  const sockets: HandSocket[] = []
  class RecordingSocket extends HandSocket {
    constructor(url: string, offered?: string[]) {
      super(url, offered)
      sockets.push(this)
    }

    override send(data: string | ArrayBuffer | Blob): void {
      if (String(data).includes('from the page')) paths.set('a message up', recordedPath())
      super.send(data)
    }
  }
  const client = new RealtimeClient('https://server.example/realtime', {
    ...(mode === 'a session' && { protocol: session() }),
    transports: ['websocket'],
    host: { ...manualPage().host, ...handNetwork().host, WebSocket: RecordingSocket },
  })
  client.on('message', () => void paths.set('a message down', recordedPath()))
  client.on('error', () => void paths.set('a failure', recordedPath()))
  await promised()
  const [socket] = sockets
  if (!socket) throw new Error('nothing was dialled')
  if (mode === 'a session') socket.open()
  else socket.accept('')
  await promised()
  client.send('from the page')
  await promised()
  socket.say(mode === 'a session' ? 'm0.1:from the server' : 'from the server')
  socket.end(1006, '', false)
  void client.close()
  return paths
}

/** The block of code under this title. */
function blockOf(name: Name, mode: Mode): RegExp {
  return new RegExp(`(\\*\\*${name}, in ${mode}\\*\\*\\n\\n\`\`\`\\n)([^\`]*)(\`\`\`)`, 'i')
}

function listed(path: readonly string[]): string {
  const parts = path.map((each) => each.split(' '))
  const width = Math.max(...parts.map(([file = '']) => file.length))
  return parts.map(([file = '', name]) => `${file.padEnd(width)}  ${name}\n`).join('')
}

describe.each<Mode>(['plain mode', 'a session'])('in %s', (mode) => {
  it.each<Name>(['a message up', 'a message down', 'a failure'])(
    '%s passes the functions that docs/ARCHITECTURE.md lists, each once',
    async (name) => {
      const path = (await pathsOf(mode)).get(name) ?? []
      expect(path.length).toBeGreaterThan(3)
      expect(path).toEqual([...new Set(path)])
      if (process.env['WRITE_PATHS'] === '1')
        writeFileSync(
          page,
          readFileSync(page, 'utf8').replace(blockOf(name, mode), (_, before, __, after) => before + listed(path) + after),
        )
      const [, , list] = blockOf(name, mode).exec(readFileSync(page, 'utf8')) ?? []
      expect(list, 'WRITE_PATHS=1 npx vitest run --project unit test/unit/paths.test.ts writes the list').toBe(listed(path))
    },
  )
})
