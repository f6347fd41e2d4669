import { existsSync } from 'node:fs'
import { launchChromium, openInChromium } from './chromium.ts'
import { launchFirefox } from './firefox.ts'
import { launchWebKit } from './webkit.ts'

/** A browser's engine, started without a window. */
export interface Engine extends AsyncDisposable {
  /** Opens a page in a place of its own. */
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
  chromium: {
    files: [],
    async launch(): Promise<Engine> {
      const browser = await launchChromium()
      return {
        open: (url) => openInChromium(browser, url),
        [Symbol.asyncDispose]: () => browser.close(),
      }
    },
  },
  firefox: { files: ['/usr/bin/firefox-esr'], launch: launchFirefox },
  webkit: { files: ['/usr/bin/WebKitWebDriver', '/usr/bin/Xvfb'], launch: launchWebKit },
} as const

/** What has to be installed before an engine can be started; empty where nothing is missing. */
export function missingFor(name: EngineName): readonly string[] {
  return engines[name].files.filter((file) => !existsSync(file))
}

export function launchEngine(name: EngineName): Promise<Engine> {
  const missing = missingFor(name)
  if (missing.length > 0) throw new Error(`MISSING: ${missing.join(', ')}; .ci/run tells which packages of Debian bring them`)
  return engines[name].launch()
}
