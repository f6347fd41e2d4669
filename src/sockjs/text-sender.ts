import type { Unsent } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import { PlainSender } from '../sending/plain-sender.ts'
import { textOf } from './over-websocket.ts'

/** Sends texts, and on closing flushes them before the session ends. */
export class TextSender<Out> extends PlainSender<Out> {
  /** @throws TypeError for bytes */
  override send(value: Out, data: Writable): void {
    super.send(value, textOf(data))
  }

  /** Aborts the receiving request last: the session ends with it, and a later POST would be answered with 404. */
  override async finish(close: (settled?: Promise<void>) => void): Promise<Unsent<Out>> {
    let settle = () => {}
    const settled = new Promise<void>((resolve) => {
      settle = resolve
    })
    try {
      return await super.finish(() => close(settled))
    } finally {
      settle()
    }
  }
}
