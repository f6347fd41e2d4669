import type { Unsent } from '../api/message-sender.ts'
import type { Writable } from '../api/transport.ts'
import { PlainSender } from '../sending/plain-sender.ts'
import { textOf } from './over-websocket.ts'

/** Sends texts, and leaves in an order in which nothing is lost. */
export class TextSender<Out> extends PlainSender<Out> {
  /** @throws TypeError for bytes */
  override send(value: Out, data: Writable): void {
    super.send(value, textOf(data))
  }

  /** The request that receives is aborted last: the session ends with it, and a POST that comes later is answered with 404. */
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
