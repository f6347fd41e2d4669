import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const dist = `${root}dist`

export function read(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8')
}

/** Runs Node, or one of the project's tools, and returns what it printed; throws with all of it where it fails. */
export function run(tool: string, parameters: readonly string[], cwd = root): string {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH']}` }
  return execFileSync(tool, parameters, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
