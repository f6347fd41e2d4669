// Tests that take too long for every change: endurance (minutes), fleets of processes over real stores (ten minutes each) and
// fuzzing (an hour or so). SOAK_SESSIONS, SOAK_MS, FLEET_MS and FUZZ_RUNS set their length, SEED repeats a run, FLEET_KEEP=1
// keeps the logs of the fleet's processes; `npm run test:soak -- fleet` runs one of them.
import { run } from './checks.mjs'

process.env.FUZZ_RUNS ??= '1000000'
process.env.FLEET_MS ??= '600000'

const parts = {
  endurance: [
    { title: 'build', command: ['node', 'scripts/build.mjs'] },
    { title: 'endurance', command: ['vitest', 'run', '--config', 'vitest.soak.config.ts', 'endurance'] },
  ],
  fleet: [{ title: 'fleet', command: ['vitest', 'run', '--project', 'fleet'] }],
  fuzz: [
    { title: 'fuzz', command: ['vitest', 'run', '--project', 'unit', 'fuzz'] },
    { title: 'fuzz of raw TCP', command: ['vitest', 'run', '--project', 'attack', 'fuzz'] },
  ],
}

const [name, ...others] = process.argv.slice(2)
if (others.length || (name !== undefined && !Object.hasOwn(parts, name))) {
  console.error(`Give one of ${Object.keys(parts).join(', ')}, or nothing to run all of them.`)
  process.exit(1)
}
const results = (name === undefined ? Object.values(parts).flat() : parts[name]).map(run)

console.log()
for (const { title, ok } of results) console.log(`${ok ? 'passed' : 'failed'}: ${title}`)
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1
