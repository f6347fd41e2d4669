import { appendFileSync, existsSync } from 'node:fs'
import { basename } from 'node:path'
import type { TestContext } from 'vitest'
import { centrifugoServer, mercureHub } from '../../scripts/build-hubs.mjs'
import { kafkaJars } from '../../scripts/fetch-kafka.mjs'
import { nextModules } from '../../scripts/fetch-next.mjs'
import { hasSpringJars } from '../../scripts/fetch-spring.mjs'
import { hasMosquitto, rabbitServer } from './brokers.ts'
import { fetchBundledChromium } from './bundled-chromium.ts'
import { type FoundChromium, findChromium } from './chromium.ts'
import { missingForFirewall } from './firewall.ts'
import { hasCommand, isInstalled } from './installed.ts'
import { nchanFiles } from './nchan.ts'
import { installProxy, isProxyInstalled, type ProxyName } from './proxies.ts'
import { hasRedisServer } from './redis-server.ts'

interface Entry {
  /** The line that installs it on Debian and Ubuntu. */
  readonly install: string
  isThere(): boolean | Promise<boolean>
}

const modSecurity = 'apt-get install libapache2-mod-security2 libnginx-mod-http-modsecurity modsecurity-crs'

const goServers =
  'apt-get install golang-go, where that is Go 1.25 or later (else go.dev has it), then node scripts/build-hubs.mjs'
const hasGo = () => hasCommand('go') || isInstalled('/usr/local/go/bin/go')

/** Software that tests need on a machine besides Node and npm packages. */
const equipment = {
  nginx: {
    install: 'apt-get install nginx libnginx-mod-nchan',
    isThere: () => Object.values(nchanFiles).every((paths) => paths().some((path) => existsSync(path))),
  },
  haproxy: proxy('haproxy'),
  apache: proxy('apache'),
  varnish: proxy('varnish'),
  caddy: proxy('caddy'),
  'ModSecurity in apache': { install: modSecurity, isThere: () => missingForFirewall('apache').length === 0 },
  'ModSecurity in nginx': { install: modSecurity, isThere: () => missingForFirewall('nginx').length === 0 },
  'redis-server': { install: 'apt-get install redis-server', isThere: hasRedisServer },
  openssl: { install: 'apt-get install openssl', isThere: () => hasCommand('openssl') },
  'a Chromium': {
    install: 'apt-get install chromium (or name one by CHROME_PATH)',
    isThere: async () => (await chromiumHere()) !== null,
  },
  'a Chromium with windows': {
    install: 'apt-get install chromium (or name one by CHROME_PATH)',
    isThere: async () => {
      const found = await chromiumHere()
      return found !== null && hasWindows(found)
    },
  },
  'the Chromium of an npm package': {
    install: 'npm has it for Linux on x64 only',
    isThere: async () => (await fetchBundledChromium().catch(() => null)) !== null,
  },
  Firefox: { install: 'apt-get install firefox-esr', isThere: () => isInstalled('/usr/bin/firefox-esr') },
  WebKitGTK: {
    install: 'apt-get install webkit2gtk-driver xvfb xauth glib-networking',
    isThere: () => isInstalled('/usr/bin/WebKitWebDriver') && isInstalled('/usr/bin/Xvfb'),
  },
  RabbitMQ: { install: 'apt-get install rabbitmq-server', isThere: () => isInstalled(rabbitServer) },
  mosquitto: { install: 'apt-get install mosquitto', isThere: hasMosquitto },
  Kafka: {
    install: 'apt-get install default-jre-headless maven, then node scripts/fetch-kafka.mjs',
    isThere: () => hasCommand('java') && existsSync(kafkaJars),
  },
  'a Mercure hub': { install: goServers, isThere: () => hasGo() && existsSync(mercureHub) },
  Centrifugo: { install: goServers, isThere: () => hasGo() && existsSync(centrifugoServer) },
  Next: { install: 'node scripts/fetch-next.mjs', isThere: () => existsSync(nextModules) },
  Spring: {
    install: 'apt-get install default-jre-headless maven, then node scripts/fetch-spring.mjs',
    isThere: () => hasCommand('java') && hasSpringJars(),
  },
} as const satisfies Readonly<Record<string, Entry>>

export type Equipment = keyof typeof equipment

export const everything = Object.keys(equipment) as readonly Equipment[]

function proxy(name: ProxyName): Entry {
  return { install: installProxy(name), isThere: () => isProxyInstalled(name) }
}

/** The browser that tests would start; `null` if neither this machine nor npm has one. Throws for a wrong CHROME_PATH. */
async function chromiumHere(): Promise<FoundChromium | null> {
  if (process.env['CHROME_PATH'] !== undefined) return findChromium()
  return findChromium().catch(() => null)
}

/** Whether it is a full browser. The npm package's is a headless shell, without back/forward cache and full network stack. */
export function hasWindows({ executablePath, env }: FoundChromium): boolean {
  return env['LD_LIBRARY_PATH'] === undefined && !basename(executablePath).includes('headless')
}

/** The error text for missing software; `null` if it is installed. */
export async function missing(what: Equipment): Promise<string | null> {
  const { install, isThere }: Entry = equipment[what]
  return (await isThere()) ? null : `MISSING: ${what}: ${install}`
}

/** Whether tests that need it run: if it is installed, and always under CI, where they must fail without it. */
export async function isEquippedWith(what: Equipment): Promise<boolean> {
  return isCI() || (await missing(what)) === null
}

/** Skips the test if the software is missing; `npm test` prints how many tests were skipped and how to install it. */
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
