// Compares sizes after gzip -9 with their budgets: of each script file, and of apps that import an entry and bundle it with
// esbuild (minified, ES2020). With `--parts`: the size of each purpose of the sources in the script files and in the smallest
// app.
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { printPurposes } from './size-by-purpose.mjs'
import { stretchesIn, stretchesOf } from './stretches.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = `${root}/dist`

/** The budget of each script file, in bytes. */
const scripts = {
  'steadfast.core.min.js': 29_900,
  'steadfast.min.js': 37_100,
  'steadfast.session.min.js': 52_900,
}

const core = "import { RealtimeClient, webSocket } from './core.js'"
const used = 'useConnection, useMessages, usePresence, useRealtime, useRealtimeEvent, useRequest, useTopic'
const hooks = `RealtimeProvider, createRealtimeHooks, ${used}`
const composables = `provideRealtime, realtimeKey, createRealtimeComposables, ${used}`
/** Modules that an app has in any case. */
const withoutClient = ['react', 'vue', './index.js']
/** Apps and their budgets, by their use of an entry. */
const apps = {
  'json() of steadfast': ["import { json } from './index.js'; console.log(json())", 300],
  'steadfast/core with webSocket()': [`${core}; new RealtimeClient('/', { transports: [webSocket()] })`, 28_475],
  steadfast: ["import { RealtimeClient } from './index.js'; new RealtimeClient('/')", 39_425],
  'steadfast with session()': [
    "import { RealtimeClient } from './index.js'; import { session } from './session.js'; new RealtimeClient('/', { protocol: session() })",
    56_700,
  ],
  'steadfast with session() and shared()': [
    "import { RealtimeClient } from './index.js'; import { session } from './session.js'; import { shared } from './shared.js'; new RealtimeClient('/', { protocol: session(), connection: shared({ key: 'k' }) })",
    67_425,
  ],
  'steadfast/socket': ["import { webSocketOver } from './socket.js'; console.log(webSocketOver())", 53_200],
  'steadfast/sockjs with SockJS': ["import { SockJS } from './sockjs.js'; new SockJS('/ws')", 11_000],
  'all of steadfast/react, without React and the client': [
    `import { ${hooks} } from './react.js'; console.log(${hooks})`,
    2_500,
    withoutClient,
  ],
  'all of steadfast/vue, without Vue and the client': [
    `import { ${composables} } from './vue.js'; console.log(${composables})`,
    2_625,
    withoutClient,
  ],
  'steadfast/remedies': ["import { remedies } from './remedies.js'; console.log(remedies)", 2_600],
  'mercure() of steadfast/protocols': ["import { mercure } from './protocols.js'; console.log(mercure)", 2_000],
  'durableStreams() of steadfast/protocols': [
    "import { durableStreams } from './protocols.js'; console.log(durableStreams)",
    2_250,
  ],
  'centrifugo() of steadfast/protocols': ["import { centrifugo } from './protocols.js'; console.log(centrifugo)", 2_200],
  'steadfast/protocols': ["import { nchan } from './protocols.js'; console.log(nchan)", 1_550],
}

const format = (number) => number.toLocaleString('en')

if (process.argv.includes('--parts')) {
  const smallest = 'steadfast/core with webSocket()'
  const { code, map } = await bundled(apps[smallest][0])
  const files = Object.keys(scripts).map((name) => ({ name, ...stretchesOf(name) }))
  printPurposes([{ name: smallest, code: code.toString(), stretches: stretchesIn(code.toString(), map) }, ...files])
  process.exit()
}

for (const [name, budget] of Object.entries(scripts)) hold(name, readFileSync(`${dist}/${name}`), budget)
for (const [name, [contents, budget, external]] of Object.entries(apps))
  hold(name, (await bundled(contents, external)).code, budget)

function hold(name, file, budget) {
  const bytes = gzipSync(file, { level: 9 }).length
  console.log(`${name}: ${format(bytes)} bytes after gzip -9 (${format(file.length)} before), of ${format(budget)} allowed`)
  if (bytes <= budget) return
  console.error(`${name} is too large by ${format(bytes - budget)} bytes`)
  process.exitCode = 1
}

async function bundled(contents, external = []) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: dist },
    external,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2020',
    legalComments: 'none',
    sourcemap: 'external',
    outdir: dist,
  })
  const [map, code] = outputFiles
  return { code: Buffer.from(code.contents), map: map.text }
}
