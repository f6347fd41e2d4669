import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

/** A version of React with its renderer, and the hooks and the client bundled with it. */
export interface ReactKit {
  readonly React: typeof import('react')
  readonly act: typeof import('react').act
  readonly client: typeof import('react-dom/client')
  readonly server: typeof import('react-dom/server')
  readonly hooks: typeof import('../../src/react/index.ts')
  readonly steadfast: typeof import('../../src/index.ts')
}

export type ReactVersion = '18' | '19'

/** The aliases by which a bundle uses this version of React, since two versions need different package names. */
export function aliasesOf(version: ReactVersion): Record<string, string> {
  return version === '18' ? { react: 'react-18', 'react-dom': 'react-dom-18' } : {}
}

/** Bundles the hooks with a version of React, and loads the bundle. */
export async function loadReact(version: ReactVersion): Promise<ReactKit> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-react-'))
  try {
    const outfile = join(folder, 'react.cjs')
    const contents = `
      export * as React from 'react'
      export * as client from 'react-dom/client'
      export * as server from 'react-dom/server'
      export * as hooks from './src/react/index.ts'
      export * as steadfast from './src/index.ts'
      export { act } from 'react'`
    await build({
      stdin: { contents, resolveDir: join(import.meta.dirname, '../..') },
      bundle: true,
      format: 'cjs',
      platform: 'node',
      outfile,
      alias: aliasesOf(version),
      logLevel: 'silent',
    })
    return createRequire(import.meta.url)(outfile) as ReactKit
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
