import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import type { FoundChromium } from './chromium.ts'

/** This exact version is known to start as below, and to work with the installed playwright-core. */
const PACKAGE = '@sparticuz/chromium@153.0.0'

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/steadfast-chromium', PACKAGE.replace(/^.*@/, ''))

const run = promisify(execFile)

/** One promise per cache folder: after a failed download, later calls fail at once. */
const fills = new Map<string, Promise<void>>()
const decompress = promisify(brotliDecompress)

/** The package's own file looks for fonts in the folders of AWS Lambda. */
const FONTS_CONF = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`

/**
 * A Chromium from an npm package, for machines without one: fetched into a cache on first use, never a dependency.
 *
 * The package unpacks the shared libraries and fonts that a bare machine lacks only if it takes the machine for AWS Lambda. So
 * its archives are unpacked here, and environment variables point Chromium at them.
 */
export async function fetchBundledChromium(cache: string = CACHE): Promise<FoundChromium> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `MISSING: no Chrome or Chromium found, and none can be fetched for ${process.platform} ${process.arch}; name one by CHROME_PATH`,
    )
  }
  if (!existsSync(cache)) {
    const filling = fills.get(cache) ?? fill(cache)
    fills.set(cache, filling)
    await filling
  }
  return {
    executablePath: join(cache, 'chromium'),
    env: { LD_LIBRARY_PATH: join(cache, 'lib'), FONTCONFIG_PATH: cache },
  }
}

/** Fills a folder beside the cache and renames it, so that an interrupted or a parallel process leaves no incomplete cache. */
async function fill(cache: string): Promise<void> {
  const work = `${cache}.${process.pid}`
  try {
    await mkdir(work, { recursive: true })
    await writeFile(join(work, 'package.json'), '{ "private": true }\n')
    await run(
      'npm',
      [
        'install',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        '--engine-strict=false',
        '--fetch-retries=1',
        '--prefix',
        work,
        PACKAGE,
      ],
      { cwd: work },
    )
    const bin = join(work, 'node_modules/@sparticuz/chromium/bin')
    await writeFile(join(work, 'chromium'), await decompress(await readFile(join(bin, 'chromium.br'))))
    await chmod(join(work, 'chromium'), 0o755)
    for (const archive of ['al2023', 'fonts']) await unpack(join(bin, `${archive}.tar.br`), work)
    await writeFile(join(work, 'fonts.conf'), FONTS_CONF)
    await rm(join(work, 'node_modules'), { recursive: true })
    await rename(work, cache).catch((error: unknown) => {
      if (!existsSync(cache)) throw error
    })
  } catch (cause) {
    throw new Error(`MISSING: no Chrome or Chromium found, and ${PACKAGE} could not be fetched; name one by CHROME_PATH`, {
      cause,
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function unpack(archive: string, folder: string): Promise<void> {
  const tar = join(folder, 'archive.tar')
  await writeFile(tar, await decompress(await readFile(archive)))
  await run('tar', ['xf', tar, '--no-same-owner', '-C', folder])
  await rm(tar)
}
