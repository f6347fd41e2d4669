import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import nodeResolve from '@rollup/plugin-node-resolve'
import { dts } from 'rollup-plugin-dts'
import { shrink } from './scripts/shrink.mjs'
import { stripTypes } from './scripts/strip-types.mjs'

const root = dirname(fileURLToPath(import.meta.url))
/** What runs in a page. */
const pageEntries = {
  index: `${root}/src/index.ts`,
  protocols: `${root}/src/protocols/index.ts`,
  remedies: `${root}/src/remedies.ts`,
}
const external = ['eventsource-parser']
const server = `${root}/src/server/index.ts`
const serverExternal = [/^node:/, 'ws']

/** The builds, in order, into `outDir`. Each entry stands alone, so that dist holds the promised files and no others. */
export function builds(outDir = `${root}/dist`) {
  const output = {
    sourcemap: true,
    // The same wherever it is built and written to, so that a build can be repeated to the byte.
    sourcemapPathTransform: (path, map) => sourceName(resolve(dirname(map), path)),
    generatedCode: { preset: 'es2015', symbols: false },
    externalLiveBindings: false,
  }
  const entryBuilds = Object.entries(pageEntries).flatMap(([name, input]) => [
    {
      input,
      external,
      plugins: [dts({ tsconfig: `${root}/tsconfig.json` })],
      output: ['d.ts', 'd.cts'].map((ending) => ({ file: `${outDir}/${name}.${ending}`, format: 'es' })),
    },
    { input, external, plugins: [stripTypes()], output: { ...output, file: `${outDir}/${name}.js`, format: 'es' } },
    {
      input,
      // The parser comes as ESM only, which `require` cannot load everywhere, so it is built in.
      plugins: [nodeResolve(), stripTypes()],
      output: { ...output, file: `${outDir}/${name}.cjs`, format: 'cjs', exports: 'named' },
    },
  ])
  const serverBuilds = [
    {
      input: server,
      external: serverExternal,
      plugins: [dts({ tsconfig: `${root}/src/server/tsconfig.json` })],
      output: ['d.ts', 'd.cts'].map((ending) => ({ file: `${outDir}/server.${ending}`, format: 'es' })),
    },
    {
      input: server,
      external: serverExternal,
      plugins: [stripTypes()],
      output: [
        { ...output, file: `${outDir}/server.js`, format: 'es' },
        { ...output, file: `${outDir}/server.cjs`, format: 'cjs', exports: 'named' },
      ],
    },
  ]
  // The public types are built by now, and tell which names are not ours to shorten.
  const publicTypes = () => Object.keys(pageEntries).map((name) => readFileSync(`${outDir}/${name}.d.ts`, 'utf8'))
  const script = {
    input: pageEntries.index,
    plugins: [nodeResolve(), stripTypes(), shrink(publicTypes)],
    output: {
      ...output,
      file: `${outDir}/steadfast.min.js`,
      format: 'iife',
      name: 'Steadfast',
      exports: 'named',
      esModule: false,
    },
  }
  return [...entryBuilds, ...serverBuilds, script]
}

function sourceName(path) {
  const [, dependency] = path.split(/[\\/](?=node_modules[\\/])/)
  return `../${(dependency ?? relative(root, path)).replaceAll('\\', '/')}`
}

export default builds()
