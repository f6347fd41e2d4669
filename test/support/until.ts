import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until it is so; `otherwise` is the error of whoever waited in vain. */
export async function until(isSo: () => Promise<boolean>, otherwise: string, withinMs = 20_000): Promise<void> {
  for (const from = performance.now(); !(await isSo()); await sleep(20)) {
    if (performance.now() - from > withinMs) throw new Error(otherwise)
  }
}
