import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type Engine, type EngineName, engineEquipment, launchEngine } from './engines.ts'
import { isEquippedWith, want } from './equipment.ts'

/** Starts the engine of a `describe` before its tests and closes it after them; skips them if it is not installed. */
export function useEngine(name: EngineName, started: (engine: Engine) => void): void {
  const what = engineEquipment[name]
  let engine: Engine | undefined
  beforeAll(async () => {
    if (!(await isEquippedWith(what))) return
    engine = await launchEngine(name)
    started(engine)
  }, 180_000)
  beforeEach((context) => want(context, what))
  afterAll(() => engine?.[Symbol.asyncDispose]())
}
