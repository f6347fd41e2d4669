import type { Host } from '../api/host.ts'

/** A timer that rings later than that has waited for a busy thread, and so has everything else that came meanwhile. */
const lateMs = 50
/** Measured in Chromium, Firefox and WebKit after blocks of 0.8 s: an answer that lay in the queue was read within 25 ms and 5 tasks. */
const graceMs = 100
const mostGraces = 3

/**
 * The same timers, but one that rings late runs only after what lies in the queue has had its turn: a deadline must not pass
 * judgement on an answer that is there and merely has not been read. The timers of a hidden page are late by throttling, and what came
 * meanwhile has been read.
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
    set(delayMs, mostGraces)
    return () => cancel()
  }
}
