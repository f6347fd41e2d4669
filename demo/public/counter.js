/**
 * Counts numbered messages: how many arrived, and which of them were lost, repeated or out of order. The count is plain JSON
 * and immutable, so that a server can store it in a session.
 */
export const uncounted = { last: null, count: 0, lost: 0, repeated: 0, astray: 0, missing: [] }

/** How many lost numbers are remembered, in case they arrive late. */
const mostMissing = 1000

/** The count with one more message. The first one may have any number. */
export function counted(before, number) {
  const { last, missing } = before
  const now = { ...before, count: before.count + 1 }
  if (last === null || number === last + 1) return { ...now, last: number }
  if (number > last) {
    const skipped = Array.from({ length: Math.min(number - last - 1, mostMissing) }, (_, i) => last + 1 + i)
    return { ...now, last: number, lost: now.lost + number - last - 1, missing: [...missing, ...skipped].slice(-mostMissing) }
  }
  if (!missing.includes(number)) return { ...now, repeated: now.repeated + 1 }
  return { ...now, lost: now.lost - 1, astray: now.astray + 1, missing: missing.filter((each) => each !== number) }
}

/** The count after the numbering has restarted: the next number may be any. */
export const anew = (before) => ({ ...before, last: null, missing: [] })

/** The displayed sum of several counts. */
export function tallyOf(...counts) {
  const sum = (name) => counts.reduce((total, each) => total + each[name], 0)
  return { count: sum('count'), lost: sum('lost'), repeated: sum('repeated'), astray: sum('astray') }
}
