import { readdirSync, readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dts } from 'rollup-plugin-dts'
import { plainPrivates } from './scripts/plain-privates.mjs'
import { shrink } from './scripts/shrink.mjs'
import { stripTypes } from './scripts/strip-types.mjs'

const root = dirname(fileURLToPath(import.meta.url))
/** What runs in a page. */
const pageEntries = {
  index: `${root}/src/index.ts`,
  core: `${root}/src/core.ts`,
  session: `${root}/src/session/index.ts`,
  diagnosis: `${root}/src/diagnosis/index.ts`,
  protocols: `${root}/src/protocols/index.ts`,
  remedies: `${root}/src/diagnosis/remedies.ts`,
  testing: `${root}/src/testing/index.ts`,
  shared: `${root}/src/shared/index.ts`,
  socket: `${root}/src/socket/index.ts`,
  sockjs: `${root}/src/sockjs/index.ts`,
  react: `${root}/src/react/index.ts`,
  vue: `${root}/src/vue/index.ts`,
}
/** An application brings its framework. */
const external = ['react', 'vue']
/** What runs in Node alone. */
const serverEntries = {
  server: `${root}/src/server/index.ts`,
  redis: `${root}/src/redis/index.ts`,
  kafka: `${root}/src/kafka/index.ts`,
  gateway: `${root}/src/gateway/index.ts`,
  'server-testing': `${root}/src/server/testing/index.ts`,
}
const serverExternal = [/^node:/, 'ws']

/** The script files that a script tag loads, and what is in each. */
export const scripts = {
  'steadfast.core.min.js': pageEntries.core,
  'steadfast.min.js': pageEntries.index,
  'steadfast.session.min.js': `${root}/src/everything.ts`,
}

/** The builds, in order, into `outDir`. What entries share is in files of its own, so that an app loads it once. */
export function builds(outDir = `${root}/dist`) {
  const output = {
    sourcemap: true,
    // The same wherever it is built and written to, so that a build can be repeated to the byte.
    sourcemapPathTransform: (path, map) => sourceName(resolve(dirname(map), path)),
    generatedCode: { preset: 'es2015', symbols: false },
    externalLiveBindings: false,
    // An import for nothing but its effects, of which there are none, is a warning in the bundler of an app.
    hoistTransitiveImports: false,
    // A server component of React may import it, and what it renders is hydrated in the page.
    banner: ({ name }) => (name === 'react' ? "'use client'" : ''),
  }
  const forPages = [plainPrivates(`${root}/src`), stripTypes({ assignsFields: true })]
  const named = (ending) => ({ dir: outDir, entryFileNames: `[name].${ending}`, chunkFileNames: `shared/[name].${ending}` })
  const entryBuilds = [
    {
      input: pageEntries,
      external,
      plugins: [dts({ tsconfig: `${root}/tsconfig.json` })],
      output: ['d.ts', 'd.cts'].map((ending) => ({ ...named(ending), format: 'es' })),
    },
    { input: pageEntries, external, plugins: forPages, output: { ...output, ...named('js'), format: 'es' } },
    {
      input: pageEntries,
      external,
      plugins: forPages,
      output: { ...output, ...named('cjs'), format: 'cjs', exports: 'named' },
    },
  ]
  const serverBuilds = Object.entries(serverEntries).flatMap(([name, input]) => [
    {
      input,
      external: serverExternal,
      plugins: [dts({ tsconfig: `${root}/src/server/tsconfig.json` })],
      output: ['d.ts', 'd.cts'].map((ending) => ({ file: `${outDir}/${name}.${ending}`, format: 'es' })),
    },
    {
      input,
      external: serverExternal,
      plugins: [stripTypes()],
      output: [
        { ...output, file: `${outDir}/${name}.js`, format: 'es' },
        { ...output, file: `${outDir}/${name}.cjs`, format: 'cjs', exports: 'named' },
      ],
    },
  ])
  const commandBuild = {
    input: `${root}/src/cli/index.ts`,
    external: serverExternal,
    plugins: [stripTypes()],
    output: { ...output, file: `${outDir}/cli.js`, format: 'es' },
  }
  // The public types are built by now, and tell which names are not ours to shorten.
  const publicTypes = () => declarationsIn(outDir).map((file) => readFileSync(file, 'utf8'))
  const scriptBuilds = Object.entries(scripts).map(([name, input]) => ({
    input,
    plugins: [stripTypes(), shrink(publicTypes)],
    output: {
      ...output,
      file: `${outDir}/${name}`,
      format: 'iife',
      name: 'Steadfast',
      exports: 'named',
      esModule: false,
    },
  }))
  return [...entryBuilds, ...serverBuilds, commandBuild, ...scriptBuilds]
}

/** The declarations of what is in the script files, those that entries share included. */
function declarationsIn(outDir) {
  const others = ['testing', 'shared', 'socket', 'sockjs', 'react', 'vue', ...Object.keys(serverEntries)].map(
    (name) => `${name}.d.ts`,
  )
  const isOfPage = (name) => name.endsWith('.d.ts') && !others.includes(name)
  return readdirSync(outDir, { recursive: true }).flatMap((name) => (isOfPage(name) ? [`${outDir}/${name}`] : []))
}

function sourceName(path) {
  const [, dependency] = path.split(/[\\/](?=node_modules[\\/])/)
  return `../${(dependency ?? relative(root, path)).replaceAll('\\', '/')}`
}

export default builds()
