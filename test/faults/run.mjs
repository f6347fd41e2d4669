// Bundles the fault lab and runs it; `npm run build` first:
//   npm run test:faults                                        everything in every engine
//   npm run test:faults -- --engines chromium,firefox,webkit --deployments cors,same-origin,no-cors,boxes --modes plain,session --only h_403,close_1012
//   npm run test:faults -- --record                            writes fixtures/<engine>.json too
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadTypeScript } from '../../scripts/load-typescript.mjs'

const folder = dirname(fileURLToPath(import.meta.url))
const root = dirname(dirname(folder))

const usage = `npm run test:faults -- [options], after npm run build
  --engines LIST      chromium, firefox, webkit (all)
  --deployments LIST  cors, same-origin, no-cors, boxes (all)
  --modes LIST        plain, session (both)
  --only LIST         names of faults, as upgrade_403 (all)
  --record            also writes fixtures/<engine>.json
  --json FILE         also writes all diagnoses into this file
`

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: 'chromium,firefox,webkit' },
    deployments: { type: 'string', default: 'cors,same-origin,no-cors,boxes' },
    modes: { type: 'string', default: 'plain,session' },
    /** Names of faults. */
    only: { type: 'string', default: '' },
    record: { type: 'boolean', default: false },
    /** The file to write all diagnoses into. */
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(usage)
  process.exit(0)
}

if (values.record && (values.only || values.modes !== 'plain,session'))
  throw new Error('--record writes the fixtures of whole deployments, so --only and --modes cannot go with it.')

const list = (text) => text.split(',').filter(Boolean)
const { main } = await loadTypeScript('test/faults/main.ts')
await main({
  engines: list(values.engines),
  deployments: list(values.deployments),
  modes: list(values.modes),
  only: list(values.only),
  script: join(root, 'dist/steadfast.session.min.js'),
  ...(values.record && { fixtures: join(folder, 'fixtures') }),
  ...(values.json && { json: values.json }),
})
