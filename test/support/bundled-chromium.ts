import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import type { FoundChromium } from './chromium.ts'

/** This very version is known to start as below, and it speaks what our playwright-core speaks. */
const PACKAGE = '@sparticuz/chromium@153.0.0'

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/steadfast-chromium', PACKAGE.replace(/^.*@/, ''))

const run = promisify(execFile)

/** Of each folder: who is offline hears so at once when he asks again. */
const fills = new Map<string, Promise<void>>()
const decompress = promisify(brotliDecompress)

/** The package's own looks for the fonts in the places where Lambda would have them. */
const FONTS_CONF = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`

/**
 * A Chromium out of an npm package, for machines that have none: fetched on first use into a cache, never a dependency.
 *
 * The package unpacks the shared libraries and fonts that a bare machine lacks only where it believes to be on AWS Lambda, so
 * its archives are unpacked here, and Chromium is pointed at them by its environment.
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

/** Works beside the cache and moves the whole into place, so that whoever is interrupted, or a second one, leaves no half of it. */
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
