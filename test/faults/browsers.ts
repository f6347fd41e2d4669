import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchChromium, openInChromium } from '../support/chromium.ts'
import type { Engine, EngineName, EnginePage } from '../support/engines.ts'
import { launchFirefox } from '../support/firefox.ts'
import { launchWebKit } from '../support/webkit.ts'
import type { Certificates } from './certificates.ts'
import type { LabPage } from './fault.ts'

/** A browser that trusts the lab's certificates, as far as it can be configured to. */
export interface LabBrowser extends AsyncDisposable {
  /** How many pages at once, and how many clients in each: few enough for the connection limits that they share. */
  readonly pages: number
  readonly clientsPerPage: number
  /** How many clients a page may have over its life, since some engines throttle pages with many failures. */
  readonly clientsInAll: number
  /** Whether it can open pages over https. */
  readonly canBeSecure: boolean
  open(url: string, options: { readonly isSecure: boolean }): Promise<LabPage>
}

export interface Surroundings {
  readonly certificates: Certificates
  /** The port of a proxy on 127.0.0.1 for host names; loopback addresses are reached without it. */
  readonly proxyPort: number
}

/** The top-level domain for which no proxy is used. */
const unproxied = 'invalid'

export function launchBrowser(name: EngineName, surroundings: Surroundings): Promise<LabBrowser> {
  if (name === 'chromium') return chromium(surroundings)
  return name === 'firefox' ? firefox(surroundings) : webkit()
}

/** Chromium reads certificate authorities from the home folder of its user. */
async function chromium({ certificates, proxyPort }: Surroundings): Promise<LabBrowser> {
  const home = await mkdtemp(join(tmpdir(), 'steadfast-home-'))
  await certificates.trustIn(join(home, '.pki/nssdb'))
  const browser = await launchChromium({
    env: { HOME: home },
    args: [`--proxy-server=http://127.0.0.1:${proxyPort}`, `--proxy-bypass-list=*.${unproxied}`],
  })
  return {
    // Chromium delays the WebSockets of a page whose WebSockets have often failed, for longer each time.
    pages: 5,
    clientsPerPage: 2,
    clientsInAll: 2,
    canBeSecure: true,
    open: (url, { isSecure }) => openInChromium(browser, url, { ignoreHTTPSErrors: isSecure }),
    async [Symbol.asyncDispose]() {
      await browser.close()
      await remove(home)
    },
  }
}

/** Firefox reads certificate authorities from its profile. */
async function firefox({ certificates, proxyPort }: Surroundings): Promise<LabBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'steadfast-profile-'))
  const isTrusted = await certificates.trustIn(profile)
  const engine = await launchFirefox({
    userDataDir: profile,
    prefs: {
      'network.proxy.type': 1,
      'network.proxy.http': '127.0.0.1',
      'network.proxy.http_port': proxyPort,
      'network.proxy.ssl': '127.0.0.1',
      'network.proxy.ssl_port': proxyPort,
      'network.proxy.no_proxies_on': `.${unproxied}`,
    },
  })
  return {
    pages: 4,
    clientsPerPage: 2,
    clientsInAll: 20,
    canBeSecure: isTrusted,
    open: (url) => engine.open(url),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await remove(profile)
    },
  }
}

/** WebKit accepts certificates of the system's authorities only, or all certificates. */
async function webkit(): Promise<LabBrowser> {
  const engine = await launchWebKit()
  let credulous: Promise<Engine> | undefined
  return {
    // Its pages share few connections, and its driver executes one command at a time.
    pages: 4,
    clientsPerPage: 2,
    clientsInAll: 60,
    canBeSecure: true,
    async open(url, { isSecure }) {
      if (isSecure) credulous ??= launchWebKit({ acceptInsecureCerts: true })
      return inTurn(await (await (isSecure && credulous ? credulous : engine)).open(url))
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await (await credulous)?.[Symbol.asyncDispose]()
    },
  }
}

/** Serializes the commands to the driver. */
function inTurn(page: EnginePage): EnginePage {
  let last: Promise<unknown> = Promise.resolve()
  return {
    evaluate(run, argument) {
      const next = last.then(() => page.evaluate(run, argument))
      last = next.catch(() => {})
      return next
    },
    [Symbol.asyncDispose]: () => page[Symbol.asyncDispose](),
  }
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
