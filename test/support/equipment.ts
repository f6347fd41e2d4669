import { appendFileSync, existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { TestContext } from 'vitest'
import { type FoundChromium, findChromium } from './chromium.ts'
import { nchanFiles } from './nchan.ts'

/** What tests want of a machine besides npm's packages, and the line that installs it on Debian and Ubuntu. */
const equipment = {
  nginx: {
    install: 'apt-get install nginx libnginx-mod-nchan',
    isThere: async () => Object.values(nchanFiles).every((paths) => paths().some((path) => existsSync(path))),
  },
  'a Chromium with windows': {
    install: 'apt-get install chromium (or name one by CHROME_PATH)',
    isThere: async () => hasWindows(await findChromium()),
  },
} as const

export type Equipment = keyof typeof equipment

/** The npm package's is a headless shell: no back/forward cache, and no network stack of a whole browser. */
export function hasWindows({ executablePath, env }: FoundChromium): boolean {
  return env['LD_LIBRARY_PATH'] === undefined && !basename(executablePath).includes('headless')
}

/** Whether the tests that want it are to run: where it is there, and under CI in any case, since there they have to fail. */
export async function isEquippedWith(what: Equipment): Promise<boolean> {
  return isCI() || equipment[what].isThere()
}

/** Skips the test where the machine lacks what it wants; `npm test` says how many tests that were and what installs it. */
export async function want({ skip }: Pick<TestContext, 'skip'>, what: Equipment): Promise<void> {
  if (await isEquippedWith(what)) return
  const { install } = equipment[what]
  const file = process.env['STEADFAST_LACKS']
  if (file !== undefined) appendFileSync(file, `want ${what}: ${install}\n`)
  skip(`wants ${what}: ${install}`)
}

function isCI(): boolean {
  const { CI } = process.env
  return CI !== undefined && CI !== '' && CI !== 'false'
}
