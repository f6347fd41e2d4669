// Installs the packages of examples/next-app, except steadfast itself, into a folder that `npm ci` empties and git ignores:
// Next is larger than all other packages together, and only one test needs it. Does nothing if it is there already.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const packageAt = (path) => JSON.parse(readFileSync(new URL(`../${path}package.json`, import.meta.url), 'utf8'))
const { steadfast: _, ...ofExample } = packageAt('examples/next-app/').dependencies
const dependencies = { ...ofExample, ...packageAt('').dependencies, next: ofExample.next.replace('^', '') }

const folder = fileURLToPath(new URL(`../node_modules/.cache/next-${dependencies.next}`, import.meta.url))

/** The folder of the packages, once they have been installed. */
export const nextModules = `${folder}/node_modules`

export function fetchNext() {
  if (existsSync(folder)) return
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  writeFileSync(`${part}/package.json`, JSON.stringify({ private: true, dependencies }))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: part, stdio: 'inherit' })
  renameSync(part, folder)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fetchNext()
