import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until a condition holds; `otherwise` is the message of the error on a timeout. */
export async function until(isSo: () => Promise<boolean>, otherwise: string, withinMs = 20_000): Promise<void> {
  for (const from = performance.now(); !(await isSo()); await sleep(20)) {
    if (performance.now() - from > withinMs) throw new Error(otherwise)
  }
}
