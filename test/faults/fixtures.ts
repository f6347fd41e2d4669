import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName } from '../support/engines.ts'
import type { Result } from './lab.ts'

/**
 * Writes the evidence that the client had of each fault, so that its diagnosis can be tested without a browser. Recordings of
 * deployments that did not run now are kept.
 */
export async function record(folder: string, engine: EngineName, results: readonly Result[]): Promise<void> {
  const lines = results.flatMap(({ deployment, fault, mode, expected, seen, told }) =>
    told ? [JSON.stringify({ deployment, fault, mode, expected, seen, evidence: stable(told.evidence) })] : [],
  )
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${engine}.json`)
  const known = (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line.startsWith('{'))
  const isTried = (line: string) => results.some(({ deployment }) => line.startsWith(`{"deployment":"${deployment}",`))
  const kept = known.filter((line) => !isTried(line)).map((line) => line.replace(/,$/, ''))
  await writeFile(path, `[\n${[...kept, ...lines].join(',\n')}\n]\n`)
}

/** Replaces what differs from run to run without a meaning: hosts, ports and fractions of milliseconds. */
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
