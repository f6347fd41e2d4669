import type { SocketEnd } from './socket-connection.ts'

/** The platform's constructor of an event if it has one, or ours. */
type EventClass<Init> = new (type: string, init: Init) => Event

type CloseInit = Pick<SocketEnd, 'code' | 'reason' | 'wasClean'>
interface MessageInit {
  readonly data: string | ArrayBuffer | Blob
  readonly origin: string
  readonly lastEventId: string
  readonly source: null
  readonly ports: never[]
}

/** The `close` event of a socket, with the diagnosis in addition to the members of a `CloseEvent`. */
export function closeEvent({ code, reason, wasClean, diagnosis }: SocketEnd): Event {
  const Class: EventClass<CloseInit> = typeof CloseEvent === 'function' ? CloseEvent : ownEvent<CloseInit>('CloseEvent')
  const event = new Class('close', { code, reason, wasClean })
  return Object.defineProperty(event, 'diagnosis', { value: diagnosis, enumerable: true, configurable: true })
}

export function messageEvent(data: MessageInit['data'], origin: string): Event {
  const Class: EventClass<MessageInit> = typeof MessageEvent === 'function' ? MessageEvent : ownEvent<MessageInit>('MessageEvent')
  return new Class('message', { data, origin, lastEventId: '', source: null, ports: [] })
}

/** A class of events with read-only members, as on the platform (Node 20 has no `CloseEvent`). */
function ownEvent<Init extends object>(name: string): EventClass<Init> {
  const Own = class extends Event {
    constructor(type: string, init: Init) {
      super(type)
      for (const [member, value] of Object.entries(init)) Object.defineProperty(this, member, { value, enumerable: true })
    }
  }
  return Object.defineProperty(Own, 'name', { value: name })
}
