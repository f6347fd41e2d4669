import type { OutboxBounds } from '../../src/api/message-sender.ts'
import { PlainSender } from '../../src/sending/plain-sender.ts'
import { type ManualPage, manualPage, promised } from './manual-host.ts'

export interface SenderBench extends ManualPage {
  readonly sender: PlainSender<string>
  readonly lost: unknown[]
  carried: number
  send(...texts: string[]): void
}

export function senderBench({
  ttlMs = Infinity,
  ...limits
}: Partial<OutboxBounds> & { readonly ttlMs?: number } = {}): SenderBench {
  const page = manualPage()
  const lost: unknown[] = []
  const sender = new PlainSender<string>({
    host: page.host,
    limits: { maxMessages: 100_000, maxBytes: 2 ** 24, overflow: 'reject', ...limits },
    ttlMs,
    writeTimeoutMs: 10_000,
    onLost: (what, report) => lost.push({ ...what, why: report.kind }),
    onSent: () => {
      bench.carried += 1
    },
    onDue: () => {},
    isPageLeaving: () => false,
    roundTripMs: () => 0,
    onGap() {},
    onAckOverdue() {},
    onDivided() {},
    onNote() {},
    onBroken() {},
  })
  const send = (...texts: string[]) => {
    for (const text of texts) sender.send(text, text)
  }
  const bench: SenderBench = { ...page, sender, lost, carried: 0, send }
  return bench
}

/** Whether the promise has settled, and how. */
export function outcomeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = promise.then(
    () => 'resolved',
    () => 'rejected',
  )
  return Promise.race([outcome, promised().then(() => 'pending')])
}
