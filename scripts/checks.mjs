import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** The static checks. */
export const checks = [
  { title: 'lint and format', command: ['biome', 'check', '--error-on-warnings', '.'] },
  { title: 'who may import whom', command: ['depcruise', 'src'] },
  { title: 'globals only in the hosts', command: ['node', 'scripts/check-globals.mjs'] },
  { title: 'no promise floats', command: ['node', 'scripts/check-promises.mjs'] },
  { title: 'types of the sources', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  { title: 'types of the server', command: ['tsc', '--noEmit', '-p', 'src/server/tsconfig.json'] },
  { title: 'types of the tests', command: ['tsc', '--noEmit', '-p', 'test/tsconfig.json'] },
]

/** Runs a command and shows its output; tools installed in this project take precedence over the PATH. */
export function run({ title, command: [tool, ...parameters] }) {
  console.log(`\n▸ ${title}`)
  const { status, error } = spawnSync(tool, parameters, { cwd: root, env: environment(), stdio: 'inherit' })
  if (error) console.error(error.message)
  return { title, ok: status === 0 }
}

/** Runs independent commands, as many at once as there are processors; the output of each is shown when it has ended. */
export async function runTogether(commands) {
  const waiting = commands.entries()
  const results = []
  const work = async () => {
    for (const [index, command] of waiting) results[index] = await runQuietly(command)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return results
}

async function runQuietly({ title, command: [tool, ...parameters] }) {
  const child = spawn(tool, parameters, { cwd: root, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const status = await once(child, 'close').then(
    ([code]) => code,
    (error) => {
      output += error.message
      return 1
    },
  )
  console.log(`\n▸ ${title}\n${output.trimEnd()}`)
  return { title, ok: status === 0 }
}

function environment() {
  return { ...process.env, PATH: `${root}/node_modules/.bin:${process.env.PATH}` }
}
