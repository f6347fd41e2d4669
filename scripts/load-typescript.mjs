import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What a module in TypeScript exports, which Node 20 cannot import; `entry` is its path in the project. */
export async function loadTypeScript(entry, { plugins = [] } = {}) {
  // Packages are found from there.
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
      // Where it looks for its files from; what it imports from another folder must not look for any.
      define: { 'import.meta.dirname': JSON.stringify(dirname(join(root, entry))) },
      plugins,
      absWorkingDir: root,
    })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}
