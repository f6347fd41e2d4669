import type { Delivery, Link, Writable } from '../api/transport.ts'
import { reportOf } from '../transports/failure.ts'
import type { Entry, Outbox } from './outbox.ts'

/** The most bytes in one POST. */
export const batchBytes = 2 ** 18

/** Removes the messages for the next write: one, or several texts if the link can write lines. */
export function takeBatch<Out>(link: Link, outbox: Outbox<Out>, maxBytes = batchBytes): readonly Entry<Out>[] {
  const batch: Entry<Out>[] = []
  let bytes = 0
  for (let next = outbox.first; next; next = outbox.first) {
    const isAlone = !link.writeLines || lineOf(next) === null
    bytes += next.bytes + 1
    if (batch.length && (isAlone || bytes > maxBytes)) break
    outbox.shift()
    batch.push(next)
    if (isAlone) break
  }
  return batch
}

/** Writes a batch to a link; if the link throws, the batch was not sent. */
export function deliverBatch(
  link: Link,
  batch: readonly Entry<unknown>[],
  signal: AbortSignal,
  isLast = false,
): Promise<Delivery> | undefined {
  const [first] = batch
  if (!first) return undefined
  // A message that cannot be a line is alone in its batch.
  const lines = link.writeLines ? batch.flatMap((entry) => lineOf(entry) ?? []) : []
  return lines.length ? orRefused(() => link.writeLines?.(lines, signal, isLast)) : deliver(link, first.data, signal, isLast)
}

/** Writes one message to a link; if the link throws, the message was not sent. */
export function deliver(link: Link, data: Writable, signal: AbortSignal, isLast = false): Promise<Delivery> | undefined {
  return orRefused(() => link.write(data, signal, isLast))
}

function orRefused(write: () => Promise<Delivery> | undefined): Promise<Delivery> | undefined {
  try {
    return write()
  } catch (error) {
    return Promise.resolve({ outcome: 'refused', report: reportOf(error, 'blocked') })
  }
}

/** Returns a message as a line; `null` for bytes and for a text with line breaks. */
function lineOf({ data }: Entry<unknown>): string | null {
  return typeof data === 'string' && !/[\r\n]/.test(data) ? data : null
}

export function bytesOfEntries(entries: readonly Entry<unknown>[]): number {
  return entries.reduce((bytes, entry) => bytes + entry.bytes + 1, -1)
}
