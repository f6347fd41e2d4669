// Bundles the simulation with the sources under it and runs it:
//   npm run simulate -- --seeds N --first S    N seeds; of the first failure of each kind the shortest schedule is told
//   npm run simulate -- --tell S               all that happens under one seed
//   npm run simulate -- --mutations            breaks rules on purpose, one at a time, and tells which seed notices
//   npm run simulate -- --tabs …              the same of the tabs that share a connection
//   npm run simulate -- --mutate NAME          the seeds with one of those rules broken
import { readFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../scripts/load-typescript.mjs'
import { mutations as ofSessions } from './mutations.mjs'
import { mutations as ofTabs } from './tabs/mutations.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const { values } = parseArgs({
  options: {
    /** @default 1000; 4000 for each mutation */
    seeds: { type: 'string' },
    first: { type: 'string', default: '1' },
    /** Tells all that happens under this seed. */
    tell: { type: 'string' },
    /** Stops after so many failures. */
    failures: { type: 'string', default: '5' },
    mutations: { type: 'boolean', default: false },
    /** Simulates tabs that share a connection, in place of one client and two nodes. */
    tabs: { type: 'boolean', default: false },
    /** Runs the seeds with one mutation, by its name. */
    mutate: { type: 'string' },
  },
})

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
  if (values.tell) return (await tell(Number(values.tell))) ? 0 : 1
  console.log(`seeds ${first} to ${first + seeds - 1}`)
  return (await simulateSeeds(first, seeds, Number(values.failures))) > 0 ? 1 : 0
}

/** Every rule is broken on purpose, and the simulation must see each. */
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

/** What catches a mutation; '' where nothing does. One that no longer fits the sources is no mutation. */
async function caught(mutation) {
  const { firstFailure } = await bundled(mutation)
  const failure = await firstFailure(first, seeds)
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
