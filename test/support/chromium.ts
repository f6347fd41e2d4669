import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core'
import { fetchBundledChromium } from './bundled-chromium.ts'
import type { PageWithSwitch } from './engines.ts'

/** The features that Playwright disables. They are repeated here, since Chromium obeys only the last of two such lists. */
const PLAYWRIGHTS_FEATURES = [
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'TcpPortRandomizationWin',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
  'msForceBrowserSignIn',
  'msEdgeUpdateLaunchServicesPreferredVersion',
]

/** Two internal pages that Chromium loads with every window for its address bar: two thirds of the cost of opening one. */
const ADDRESS_BAR = ['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup']

/** Disable requests of the browser itself. Web security and the process model stay as they are. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${[...PLAYWRIGHTS_FEATURES, ...ADDRESS_BAR].join(',')}`,
]

const USUAL_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]

export interface FoundChromium {
  readonly executablePath: string
  /** Environment variables that it needs in addition to those of this process. */
  readonly env: Readonly<Record<string, string>>
}

/**
 * The browser to test with: the one that `CHROME_PATH` names, else an installed one, else the one of the npm package
 * `@sparticuz/chromium`, fetched now if it has not been. `STEADFAST_CHROMIUM=bundled` selects the last one,
 * `STEADFAST_CHROMIUM=none` simulates a machine for which there is none, and `STEADFAST_ROOT` names a folder that stands for
 * the root of the machine.
 */
export async function findChromium(environment: NodeJS.ProcessEnv = process.env): Promise<FoundChromium> {
  const { CHROME_PATH: named, STEADFAST_CHROMIUM: wanted, STEADFAST_ROOT: root = '' } = environment
  if (wanted === 'none') throw new Error('MISSING: no Chrome or Chromium, since STEADFAST_CHROMIUM is none')
  if (wanted === 'bundled') return fetchBundledChromium()
  if (wanted !== undefined) throw new Error(`STEADFAST_CHROMIUM is '${wanted}'; it can be 'bundled' or 'none'`)
  if (named !== undefined && !existsSync(named)) throw new Error(`MISSING: CHROME_PATH names ${named}, where there is nothing`)
  const executablePath = named ?? USUAL_PATHS.map((path) => root + path).find((path) => existsSync(path))
  return executablePath === undefined ? fetchBundledChromium() : { executablePath, env: {} }
}

export interface LaunchOptions {
  /** Which browser. Default: `findChromium()`. */
  readonly found?: FoundChromium
  readonly args?: readonly string[]
  /** Environment variables in addition to those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a headless browser. Throws where none can run. */
export async function launchChromium({ found, args = [], env: more }: LaunchOptions = {}): Promise<Browser> {
  const { executablePath, env } = found ?? (await findChromium())
  try {
    return await chromium.launch({
      executablePath,
      headless: true,
      args: [...ARGUMENTS, ...args],
      env: { ...process.env, ...env, ...more },
    })
  } catch (cause) {
    throw new Error(`MISSING: ${executablePath} is there but does not start; another one can be named by CHROME_PATH`, { cause })
  }
}

/** Opens a page in a context of its own. */
export async function openInChromium(browser: Browser, url: string, options?: BrowserContextOptions): Promise<PageWithSwitch> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  await page.goto(url)
  return {
    evaluate: (run, argument) => page.evaluate(run as never, argument as never),
    setOffline: (isOffline) => context.setOffline(isOffline),
    [Symbol.asyncDispose]: () => context.close(),
  }
}
