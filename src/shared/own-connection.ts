import type { Host } from '../api/host.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { ClientConnection, SharingClient } from '../api/sharing.ts'
import type { SessionMessage } from '../session/session-port.ts'
import type { MirroredEvent, Origin } from './messages.ts'

export type PageListener = Parameters<Host['listen']>[0]

export interface OwnConnectionPort {
  /** Called when the connection starts or stops taking messages. */
  onUp(isUp: boolean): void
  onEvent(event: MirroredEvent): void
  /** Takes a message; returns whether the application has not received it yet. */
  isNews(message: SessionMessage): boolean
  /** Hands over the listener to page events; `null`: the connection has stopped listening. */
  onListening(listener: PageListener | null): void
}

/** This tab's own connection, used while it leads. Page events reach it through `onListening`, only while the tab leads. */
export function ownConnection(
  client: SharingClient<never>,
  inner: MessageSender<Origin>,
  { onUp, onEvent, isNews, onListening }: OwnConnectionPort,
): ClientConnection {
  const sender: MessageSender<Origin> = {
    send() {},
    flushed: () => inner.flushed(),
    giveUp() {},
    finish: (...last) => inner.finish(...last),
    dueAt: () => inner.dueAt(),
    pump: () => inner.pump(),
    begin: () => inner.begin?.(),
    tooLarge: () => inner.tooLarge?.(),
    attach(link) {
      inner.attach(link)
      onUp(true)
    },
    detach() {
      onUp(false)
      return inner.detach()
    },
  }
  const events = {
    raise: (type: string, details: unknown) => onEvent({ type, details } as MirroredEvent),
    onMessage: (...[message, transport]: Parameters<typeof client.events.onMessage>) => {
      if (isNews(message as SessionMessage)) client.events.onMessage(message, transport)
    },
  }
  const listen = (listener: PageListener) => {
    onListening(listener)
    return () => onListening(null)
  }
  return client.connection(sender as MessageSender<unknown>, events, Object.assign(Object.create(client.host), { listen }))
}
