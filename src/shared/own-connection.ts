import type { Host } from '../api/host.ts'
import type { MessageSender } from '../api/message-sender.ts'
import type { ClientConnection, SharingClient } from '../api/sharing.ts'
import type { SessionMessage } from '../session/session-port.ts'
import type { MirroredEvent, Origin } from './messages.ts'

export type PageListener = Parameters<Host['listen']>[0]

export interface OwnConnectionPort {
  /** It takes messages, or takes none any more. */
  onUp(isUp: boolean): void
  onEvent(event: MirroredEvent): void
  /** A message was taken; returns whether it is for the application. */
  isNews(message: SessionMessage): boolean
  /** How the connection hears of the page; `null`: it does not listen. */
  onListening(listener: PageListener | null): void
}

/** The connection of a tab's own, which is used while it leads. It hears of the page through whoever knows whether it does. */
export function ownConnection(
  client: SharingClient<never>,
  inner: MessageSender<Origin>,
  { onUp, onEvent, isNews, onListening }: OwnConnectionPort,
): ClientConnection {
  const sender: MessageSender<Origin> = {
    ...{ send() {}, flushed: () => inner.flushed(), giveUp() {}, finish: (...last) => inner.finish(...last) },
    ...{ dueAt: () => inner.dueAt(), pump: () => inner.pump(), begin: () => inner.begin?.(), tooLarge: () => inner.tooLarge?.() },
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
