import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Imports a module in TypeScript, which Node 20 cannot do itself; `entry` is its path in the project. */
export async function loadTypeScript(entry, { plugins = [] } = {}) {
  // Inside node_modules, so that imports of packages resolve.
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, 'typescript-'))
  try {
    const outfile = join(temporary, 'main.mjs')
    await build({
      entryPoints: [join(root, entry)],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      packages: 'external',
      logLevel: 'warning',
      sourcemap: 'inline',
      // The folder of the entry; modules in other folders must not use it.
      define: { 'import.meta.dirname': JSON.stringify(dirname(join(root, entry))) },
      plugins,
      absWorkingDir: root,
    })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}
