import { createServer, type Socket } from 'node:net'
import { answerOf } from './answers.ts'
import { type Listening, listen } from './front.ts'

/** The domain whose names only the proxy knows. */
export const proxiedDomain = 'beyond.test'

export type ProxyManner = '403' | '502' | '407' | 'rst' | 'hang'

/**
 * The browser's proxy, which refuses every connection. The requested host name says how, so that one proxy serves all faults: a
 * browser has only one proxy.
 */
export function startProxy(): Promise<Listening> {
  const proxy = createServer({ noDelay: true }, (client: Socket) => {
    client.once('data', (bytes: Buffer) => refuse(client, /^\w+ (?:\w+:\/\/)?(\w+)\./.exec(bytes.toString('latin1'))?.[1] ?? ''))
  })
  return listen(proxy, '127.0.0.1')
}

function refuse(client: Socket, manner: string): void {
  if (manner === 'hang') return
  if (manner === 'rst') client.resetAndDestroy()
  else if (manner === '407') client.end(answerOf(407, 'Proxy-Authenticate: Basic realm="proxy"\r\n', 'login'))
  else client.end(answerOf(manner === '403' ? 403 : 502, '', 'refused'))
}
