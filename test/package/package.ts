import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const dist = `${root}dist`

/** What runs in pages; the server half does not. */
const pageEntries = ['index', 'core', 'session', 'diagnosis', 'protocols', 'remedies', 'testing', 'shared', 'socket', 'sockjs']
/** What runs in pages beside a framework, which the application brings. */
export const frameworkEntries = ['react', 'vue']
export const entries = [...pageEntries, ...frameworkEntries, 'server', 'redis', 'kafka', 'gateway', 'server-testing']
export const scriptTag = 'steadfast.min.js'
/** The page's entries in both forms. */
export const pageModules = pageEntries.flatMap((entry) => [`${entry}.js`, `${entry}.cjs`])
/** With session mode as well. */
export const sessionScriptTag = 'steadfast.session.min.js'
/** Without the diagnosis. */
export const coreScriptTag = 'steadfast.core.min.js'
export const scriptTags = [coreScriptTag, scriptTag, sessionScriptTag]
export const pageFiles = [...pageModules, ...scriptTags]
export const frameworkFiles = frameworkEntries.flatMap((entry) => [`${entry}.js`, `${entry}.cjs`])

export function read(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8')
}

/** Runs Node, or one of the project's tools, and returns what it printed; throws with all of it where it fails. */
export function run(tool: string, parameters: readonly string[], cwd = root): string {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env['PATH']}` }
  return execFileSync(tool, parameters, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
