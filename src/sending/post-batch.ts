import type { Delivery, Link, Writable } from '../api/transport.ts'
import { reportOf } from '../transports/failure.ts'
import type { Entry, Outbox } from './outbox.ts'

/** More is not put into one request, in bytes. */
export const batchBytes = 2 ** 18

/** Takes from the front what one write brings: one message, or several texts where the link writes lines. */
export function takeBatch<Out>(link: Link, outbox: Outbox<Out>, mostBytes = batchBytes): readonly Entry<Out>[] {
  const batch: Entry<Out>[] = []
  let bytes = 0
  for (let next = outbox.first; next; next = outbox.first) {
    const isAlone = !link.writeLines || lineOf(next) === null
    bytes += next.bytes + 1
    if (batch.length && (isAlone || bytes > mostBytes)) break
    outbox.shift()
    batch.push(next)
    if (isAlone) break
  }
  return batch
}

/** Writes a batch to a link; one that throws has not taken it. */
export function deliverBatch(
  link: Link,
  batch: readonly Entry<unknown>[],
  signal: AbortSignal,
  isLast = false,
): Promise<Delivery> | undefined {
  const [first] = batch
  if (!first) return undefined
  // What cannot be a line is alone in its batch.
  const lines = link.writeLines ? batch.flatMap((entry) => lineOf(entry) ?? []) : []
  return lines.length ? orRefused(() => link.writeLines?.(lines, signal, isLast)) : deliver(link, first.data, signal, isLast)
}

/** Writes one message to a link; one that throws has not taken it. */
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

/** A message as a line; `null` for bytes, and for a text that is more than one. */
function lineOf({ data }: Entry<unknown>): string | null {
  return typeof data === 'string' && !/[\r\n]/.test(data) ? data : null
}

export function bytesOfEntries(entries: readonly Entry<unknown>[]): number {
  return entries.reduce((bytes, entry) => bytes + entry.bytes + 1, -1)
}
