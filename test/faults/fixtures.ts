import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineName } from '../support/engines.ts'
import type { Result } from './lab.ts'

/** Writes what the client knew of each fault, so that its judgement can be tested without a browser. */
export async function record(folder: string, engine: EngineName, results: readonly Result[]): Promise<void> {
  const lines = results.flatMap(({ fault, mode, expected, told }) =>
    told ? [JSON.stringify({ fault, mode, expected, evidence: stable(told.evidence) })] : [],
  )
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${engine}.json`), `[\n${lines.join(',\n')}\n]\n`)
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
