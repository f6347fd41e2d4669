import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Each reads the code without running it. */
export const checks = [
  { title: 'lint and format', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { title: 'who may import whom', command: ['depcruise', 'src'] },
  { title: 'globals only in the hosts', command: ['node', 'scripts/check-globals.mjs'] },
  { title: 'no promise floats', command: ['node', 'scripts/check-promises.mjs'] },
  { title: 'types of the sources', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { title: 'types of the server', command: ['tsc', '--noEmit', '-p', 'src/server/tsconfig.json'] },
  { title: 'types of the tests', command: ['tsc', '--noEmit', '-p', 'test/tsconfig.json'] },
]

/** Runs one command of the project, its output shown; tools are those of this project, whatever the PATH says. */
export function run({ title, command: [tool, ...parameters] }) {
  console.log(`\n▸ ${title}`)
  const env = { ...process.env, PATH: `${root}/node_modules/.bin:${process.env.PATH}` }
  const { status, error } = spawnSync(tool, parameters, { cwd: root, env, stdio: 'inherit' })
  if (error) console.error(error.message)
  return { title, ok: status === 0 }
}
