import { tabsOf } from './browser-tabs.ts'
import { launchChromium, openInChromium } from './chromium.ts'
import { type Equipment, missing } from './equipment.ts'
import { launchFirefox } from './firefox.ts'
import { launchWebKit } from './webkit.ts'

/** A browser's engine, started without a window. */
export interface Engine extends AsyncDisposable {
  /** Opens a page in a place of its own. */
  open(url: string): Promise<EnginePage>
  /** Opens a place in which several tabs share what the browser keeps for an origin; absent: this engine is not driven so. */
  readonly openTabs?: () => Promise<TabPlace>
}

/** Where tabs are opened, each of which closes by itself; all are gone with it. */
export interface TabPlace extends AsyncDisposable {
  open(url: string): Promise<EnginePage>
}

/** What every way to drive a browser can do. */
export interface EnginePage extends AsyncDisposable {
  /** Runs a function, which stands alone, or a text in the page. What goes in and comes out is plain data. */
  evaluate<Result, Argument = undefined>(
    run: string | ((argument: Argument) => Result | Promise<Result>),
    argument?: Argument,
  ): Promise<Result>
}

/** A page that can be cut off from the network. */
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
