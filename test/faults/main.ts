import { writeFile } from 'node:fs/promises'
import type { EngineName } from '../support/engines.ts'
import { faults } from './catalogue/index.ts'
import type { Mode } from './fault.ts'
import { record } from './fixtures.ts'
import { type Result, runLab } from './lab.ts'
import { tableOf } from './table.ts'

export interface Wishes {
  readonly engines: readonly EngineName[]
  /** Names of faults; empty for all. */
  readonly only: readonly string[]
  readonly modes: readonly Mode[]
  readonly script: string
  /** Where to write fixtures, if at all. */
  readonly fixtures?: string
  /** Where to write everything that was told, if at all. */
  readonly json?: string
}

/** Runs the faults in one engine after the other, and tells how that went. */
export async function main({ engines, only, modes, script, fixtures, json }: Wishes): Promise<void> {
  const unknown = only.filter((name) => !faults.some((fault) => fault.name === name))
  if (unknown.length > 0) throw new Error(`There is no fault ${unknown.join(', ')}.`)
  const chosen = faults.filter(({ name }) => only.length === 0 || only.includes(name))
  const results: Result[] = []
  for (const engine of engines) {
    const since = performance.now()
    const told = await runLab({ engine, script, faults: chosen, modes })
    if (fixtures !== undefined) await record(fixtures, engine, told)
    results.push(...told)
    console.log(`${engine}: ${told.length} runs in ${Math.round((performance.now() - since) / 1000)} s`)
  }
  if (json !== undefined) await writeFile(json, JSON.stringify(results, null, 1))
  console.log(tableOf(results))
}
