import { tabsOf } from './browser-tabs.ts'
import { launchChromium, openInChromium } from './chromium.ts'
import { type Equipment, missing } from './equipment.ts'
import { launchFirefox } from './firefox.ts'
import { launchWebKit } from './webkit.ts'

/** A headless browser. */
export interface Engine extends AsyncDisposable {
  /** Opens a page in a browser context of its own. */
  open(url: string): Promise<EnginePage>
  /** Opens a context whose tabs share locks, storage and channels of an origin; absent if this engine's driver cannot. */
  readonly openTabs?: () => Promise<TabPlace>
}

/** A browser context for tabs, each of which can be closed alone; its disposal closes all. */
export interface TabPlace extends AsyncDisposable {
  open(url: string): Promise<EnginePage>
}

/** A page, as far as every browser driver supports it. */
export interface EnginePage extends AsyncDisposable {
  /** Runs code, or a function that uses nothing from outside, in the page. Argument and result are plain data. */
  evaluate<Result, Argument = undefined>(
    run: string | ((argument: Argument) => Result | Promise<Result>),
    argument?: Argument,
  ): Promise<Result>
}

/** A page that can be taken offline. */
export interface PageWithSwitch extends EnginePage {
  setOffline(isOffline: boolean): Promise<void>
}

export type EngineName = keyof typeof engines

const engines = {
  async chromium(): Promise<Engine> {
    const browser = await launchChromium()
    return {
      open: (url) => openInChromium(browser, url),
      openTabs: async () => tabsOf(await browser.newContext()),
      [Symbol.asyncDispose]: () => browser.close(),
    }
  },
  firefox: launchFirefox,
  webkit: launchWebKit,
} as const

/** What has to be installed before an engine can be started. */
export const engineEquipment = {
  chromium: 'a Chromium',
  firefox: 'Firefox',
  webkit: 'WebKitGTK',
} as const satisfies Readonly<Record<EngineName, Equipment>>

export async function launchEngine(name: EngineName): Promise<Engine> {
  const lacking = await missing(engineEquipment[name])
  if (lacking !== null) throw new Error(lacking)
  return engines[name]()
}
