// What takes too long for every change: endurance (minutes) and fuzzing (an hour or so). SOAK_SESSIONS, SOAK_MS and FUZZ_RUNS make
// them shorter or longer, SEED repeats them; `npm run test:soak -- endurance` or `-- fuzz` runs one of the two.
import { run } from './checks.mjs'

process.env.FUZZ_RUNS ??= '1000000'

const parts = {
  endurance: [
    { title: 'build', command: ['node', 'scripts/build.mjs'] },
    { title: 'endurance', command: ['vitest', 'run', '--config', 'vitest.soak.config.ts'] },
  ],
  fuzz: [
    { title: 'fuzz', command: ['vitest', 'run', '--project', 'unit', 'fuzz'] },
    { title: 'fuzz of raw TCP', command: ['vitest', 'run', '--project', 'attack', 'fuzz'] },
  ],
}

const [name, ...others] = process.argv.slice(2)
if (others.length || (name !== undefined && !Object.hasOwn(parts, name)))
  throw new Error(`There are ${Object.keys(parts).join(' and ')}, or both without a name.`)
const results = (name === undefined ? Object.values(parts).flat() : parts[name]).map(run)

console.log()
for (const { title, ok } of results) console.log(`${ok ? 'passed' : 'failed'}: ${title}`)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
