// Bundles the simulation with the sources under it and runs it:
//   npm run simulate -- --seeds N --first S    runs N seeds; prints the shortest schedule for the first failure of each kind
//   npm run simulate -- --tell S               prints all events of one seed
//   npm run simulate -- --mutations            breaks rules on purpose, one at a time, and prints which seed detects it
//   npm run simulate -- --tabs …              the same for tabs that share a connection; --ends: the server ends the session
//   npm run simulate -- --mutate NAME          runs the seeds with one of those rules broken
import { readFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../scripts/load-typescript.mjs'
import { mutations as ofSessions } from './mutations.mjs'
import { mutations as ofTabs } from './tabs/mutations.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const usage = `npm run simulate -- [options]
  --seeds N        how many seeds to run (1000; 4000 for each mutation)
  --first S        the first seed (1)
  --tell S         prints all events of one seed
  --failures N     stops after this many failures (5)
  --mutations      breaks rules on purpose, one at a time, and prints which seed detects it
  --mutate NAME    runs the seeds with one of those rules broken
  --tabs           simulates tabs that share a connection
  --ends           with --tabs: the server ends the session in some seeds
`

const { values } = parseArgs({
  options: {
    /** @default 1000; 4000 for each mutation */
    seeds: { type: 'string' },
    first: { type: 'string', default: '1' },
    /** Prints all events of this seed. */
    tell: { type: 'string' },
    /** Stops after this many failures. */
    failures: { type: 'string', default: '5' },
    mutations: { type: 'boolean', default: false },
    /** Simulates tabs that share a connection, in place of one client and two nodes. */
    tabs: { type: 'boolean', default: false },
    /** With `--tabs`: the server ends the session in some seeds. */
    ends: { type: 'boolean', default: false },
    /** Runs the seeds with one mutation, by its name. */
    mutate: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

const mutations = values.tabs ? ofTabs : ofSessions
const first = Number(values.first)
const seeds = Number(values.seeds ?? (values.mutations ? 4000 : 1000))
process.exitCode = await run()

async function run() {
  if (values.mutations) return runMutations()
  const mutation = mutations.find(({ name }) => name === values.mutate)
  if (values.mutate && !mutation)
    throw new Error(`There is no mutation ${values.mutate}; there are ${mutations.map(({ name }) => name).join(', ')}.`)
  const { simulateSeeds, tell } = await bundled(mutation)
  if (values.tell) return (await tell(Number(values.tell), values.ends)) ? 0 : 1
  console.log(`seeds ${first} to ${first + seeds - 1}`)
  return (await simulateSeeds(first, seeds, Number(values.failures), values.ends)) > 0 ? 1 : 0
}

/** Breaks every rule on purpose; the simulation must detect each mutation. */
async function runMutations() {
  let missed = 0
  for (const mutation of mutations) {
    const said = await caught(mutation)
    if (!said) missed += 1
    console.log(`${said ? 'ok ' : '-- '} ${mutation.name} (${mutation.breaks}): ${said || `NOT CAUGHT by ${seeds} seeds`}`)
  }
  console.log(`${mutations.length - missed} of ${mutations.length} mutations caught`)
  return missed > 0 ? 1 : 0
}

/** Which seed detects a mutation; '' if none does: first the mutation's own. Throws for a mutation that no longer fits the sources. */
async function caught(mutation) {
  const { firstFailure } = await bundled(mutation)
  const ofOwn = mutation.seed === undefined ? null : await firstFailure(mutation.seed, 1, false)
  const failure = ofOwn ?? (await firstFailure(first, seeds, values.ends))
  return failure ? `caught by seed ${failure.seed}: ${failure.text.slice(0, 140)}` : ''
}

async function bundled(mutation) {
  let isApplied = !mutation
  const mutate = {
    name: 'mutate',
    setup(setup) {
      setup.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
        if (relative(root, path).replaceAll('\\', '/') !== mutation?.file) return undefined
        const source = await readFile(path, 'utf8')
        if (source.split(mutation.from).length !== 2)
          throw new Error(`${mutation.name}: ${mutation.file} has changed, the mutation must follow it.`)
        isApplied = true
        return { contents: source.replace(mutation.from, () => mutation.to), loader: 'ts' }
      })
    },
  }
  const simulation = await loadTypeScript(values.tabs ? 'test/simulation/tabs/main.ts' : 'test/simulation/main.ts', {
    plugins: [mutate],
  })
  if (!isApplied) throw new Error(`${mutation.name}: ${mutation.file} is not part of the simulation.`)
  return simulation
}
