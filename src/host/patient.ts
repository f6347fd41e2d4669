import type { Host } from '../api/host.ts'

/** A timer that fires later than this was blocked by a busy thread, as were all events in the meantime. */
const lateMs = 50
/** Measured in Chromium, Firefox and WebKit after blocks of 0.8 s: a queued response was read within 25 ms and 5 tasks. */
const graceMs = 100
const maxGraces = 3

/**
 * Makes timers that, when they fire late, run only after the queued tasks: a timeout must not be diagnosed while the response has
 * arrived and merely was not read. In a hidden page timers are late because of throttling, and data that arrived meanwhile was
 * read, so they run at once.
 */
export function patient({ now, after, isHidden }: Pick<Host, 'now' | 'after' | 'isHidden'>): Host['after'] {
  return (delayMs, run) => {
    let cancel = () => {}
    const set = (ms: number, graces: number) => {
      const dueAt = now() + ms
      cancel = after(ms, () => {
        if (!graces || isHidden() || now() < dueAt + lateMs) run()
        else set(graceMs, graces - 1)
      })
    }
    set(delayMs, maxGraces)
    return () => cancel()
  }
}
