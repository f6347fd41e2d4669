import { generate, type Packet, parser } from 'mqtt-packet'
import type { RealtimeServerOptions } from '../../src/server/options.ts'
import type { Session } from '../../src/server/session/session-handle.ts'

interface StompFrame {
  readonly command: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** As much of a STOMP 1.2 broker as a client needs: messages to a destination are delivered to its subscribers. */
export function stompServer(received: StompFrame[]): RealtimeServerOptions {
  const subscriptions = new Map<string, Map<string, string>>()
  const say = (session: Session, command: string, headers: Record<string, string>, body = '') =>
    session.send(`${[command, ...Object.entries(headers).map((each) => each.join(':'))].join('\n')}\n\n${body}\0`)
  return {
    selectProtocol: (protocols) => protocols.find((each) => each === 'v12.stomp'),
    async onMessage(session, { data }) {
      for (const text of String(data).split('\0')) {
        const [head = '', body = ''] = text.trimStart().split('\n\n')
        const [command = '', ...lines] = head.split('\n')
        const headers = Object.fromEntries(lines.map((line) => line.split(/:(.*)/s)))
        if (command === '') continue
        received.push({ command, headers, body })
        const own = subscriptions.get(session.id) ?? new Map<string, string>()
        subscriptions.set(session.id, own)
        if (command === 'CONNECT') await say(session, 'CONNECTED', { version: '1.2', 'heart-beat': '0,0' })
        if (command === 'SUBSCRIBE') own.set(headers['destination'], headers['id'])
        const subscription = own.get(headers['destination'])
        if (command === 'SEND' && subscription !== undefined) {
          const { destination } = headers
          await say(session, 'MESSAGE', { subscription, destination, 'message-id': String(received.length) }, body)
        }
        if (headers['receipt']) await say(session, 'RECEIPT', { 'receipt-id': headers['receipt'] })
      }
    },
  }
}

/** As much of an MQTT broker as a client needs. */
export function mqttServer(): RealtimeServerOptions {
  const parsers = new Map<string, ReturnType<typeof parser>>()
  return {
    selectProtocol: (protocols) => protocols.find((each) => each === 'mqtt'),
    onSession(session) {
      const own = parser()
      own.on('packet', (packet: Packet) => {
        for (const each of answersTo(packet)) session.send(generate(each)).catch(() => {})
      })
      parsers.set(session.id, own)
    },
    onMessage: (session, { data }) => void parsers.get(session.id)?.parse(Buffer.from(data as ArrayBuffer)),
    onEnd: (session) => void parsers.delete(session.id),
  }
}

function answersTo(packet: Packet): Packet[] {
  switch (packet.cmd) {
    case 'connect':
      return [{ cmd: 'connack', returnCode: 0, sessionPresent: false }]
    case 'subscribe':
      return [{ cmd: 'suback', messageId: packet.messageId ?? 0, granted: packet.subscriptions.map(() => 1) }]
    case 'publish':
      return [{ ...packet, qos: 0 }, ...(packet.qos === 1 ? [{ cmd: 'puback', messageId: packet.messageId ?? 0 } as const] : [])]
    case 'pingreq':
      return [{ cmd: 'pingresp' }]
    default:
      return []
  }
}
