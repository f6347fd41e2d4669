import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName } from '../support/engines.ts'
import { type Deployment, deployments } from './fault.ts'
import type { Result } from './lab.ts'

/** Writes what the client knew of each fault, so that its judgement can be tested without a browser: a file for each deployment. */
export async function record(folder: string, engine: EngineName, results: readonly Result[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const deployment of deployments) {
    const lines = results.flatMap(({ told, ...result }) =>
      told && result.deployment === deployment ? [lineOf(result, told.evidence)] : [],
    )
    if (lines.length > 0) await writeFile(join(folder, fixtureOf(engine, deployment)), `[\n${lines.join(',\n')}\n]\n`)
  }
}

export function fixtureOf(engine: EngineName, deployment: Deployment): string {
  return `${engine}${deployment === 'cors' ? '' : `-${deployment}`}.json`
}

function lineOf({ fault, mode, expected }: Pick<Result, 'fault' | 'mode' | 'expected'>, evidence: unknown): string {
  return JSON.stringify({ fault, mode, expected, evidence: stable(evidence) })
}

/** Hosts, ports and fractions of milliseconds differ from run to run and say nothing. */
function stable(value: unknown): unknown {
  if (typeof value === 'number') return Math.round(value)
  if (typeof value === 'string') return withoutHosts(value)
  if (Array.isArray(value)) return value.map(stable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, stable(each)]))
}

function withoutHosts(text: string): string {
  return text
    .replace(/\/\/127\.0\.0\.1(:\d+)?(?=\/|$)/g, '//page.test')
    .replace(/\/\/(127(?:\.\d+){3}|(?:nothing-)+\.invalid|endpoint\.test):(\d+)/g, (_, host: string, port: string) => {
      const name = host.endsWith('.invalid') ? 'nothing.invalid' : 'endpoint.test'
      return `//${name}${port === '6000' ? ':6000' : ''}`
    })
}
