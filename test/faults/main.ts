import { writeFile } from 'node:fs/promises'
import type { EngineName } from '../support/engines.ts'
import { sets } from './catalogue/index.ts'
import type { Deployment, Mode } from './fault.ts'
import { record } from './fixtures.ts'
import { type Result, runLab } from './lab.ts'
import { tableOf } from './table.ts'

export interface Wishes {
  readonly engines: readonly EngineName[]
  /** Names of faults; empty for all. */
  readonly only: readonly string[]
  readonly deployments: readonly Deployment[]
  readonly modes: readonly Mode[]
  readonly script: string
  /** The folder to write fixtures into, if any. */
  readonly fixtures?: string
  /** The file to write all diagnoses into, if any. */
  readonly json?: string
}

/** Runs the faults in one engine after the other, and prints the results. */
export async function main({ engines, only, deployments, modes, script, fixtures, json }: Wishes): Promise<void> {
  const names = sets.flatMap(({ faults }) => faults.map(({ name }) => name))
  const unknown = only.filter((name) => !names.includes(name))
  if (unknown.length > 0) throw new Error(`There is no fault ${unknown.join(', ')}.`)
  const chosen = sets
    .filter(({ deployment }) => deployments.includes(deployment))
    .map((set) => ({ ...set, faults: set.faults.filter(({ name }) => only.length === 0 || only.includes(name)) }))
  const results: Result[] = []
  for (const engine of engines) {
    const since = performance.now()
    const told = await runLab({ engine, script, sets: chosen, modes })
    if (fixtures !== undefined) await record(fixtures, engine, told)
    results.push(...told)
    console.log(`${engine}: ${told.length} runs in ${Math.round((performance.now() - since) / 1000)} s`)
  }
  if (json !== undefined) await writeFile(json, JSON.stringify(results, null, 1))
  console.log(tableOf(results))
}
