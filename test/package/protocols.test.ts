import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { dist } from './package.ts'

/** For each protocol a string that only its code contains. */
const signs = {
  nchan: 'ws+meta.nchan',
  betterSse: 'lastEventId',
  mercure: 'lastEventID',
  durableStreams: 'streamNextOffset',
  centrifugo: 'cf_connect',
}

describe('an app that imports one protocol of steadfast/protocols', () => {
  it.each(Object.entries(signs))('bundles %s and no other protocol', async (name) => {
    const { outputFiles } = await build({
      stdin: { contents: `import { ${name} } from './protocols.js'; console.log(${name}())`, resolveDir: dist },
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
    })
    const code = outputFiles[0]?.text ?? ''
    const found = Object.entries(signs).flatMap(([each, sign]) => (code.includes(sign) ? each : []))
    // A setting of mercure() has the same name as better-sse's query parameter.
    expect(found.filter((each) => name !== 'mercure' || each !== 'betterSse')).toEqual([name])
  })
})
