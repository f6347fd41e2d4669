import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { beforeEach, expect, it } from 'vitest'
import { launchChromium, openInChromium } from '../support/chromium.ts'
import { want } from '../support/equipment.ts'
import { listenOnLoopback } from '../support/loopback.ts'
import { type PageGlobals, SCRIPT } from '../support/page-client.ts'

// A headless shell does not implement address spaces.
beforeEach((context) => want(context, 'a Chromium with windows'))

/** A page that the browser takes for one from a public address, and a server on this device that allows every origin. */
async function startNeighbours(isSecure: boolean) {
  const site = createServer(({ url }, response) => {
    response.setHeader('Content-Type', url === '/script.js' ? 'text/javascript' : 'text/html')
    response.end(url === '/script.js' ? readFileSync(SCRIPT) : '<!doctype html><script src="/script.js"></script>')
  })
  const device = createServer((_, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.end()
  })
  const sitePort = await listenOnLoopback(site)
  const devicePort = await listenOnLoopback(device)
  const origin = `http://app.example:${sitePort}`
  const browser = await launchChromium({
    args: [
      `--ip-address-space-overrides=127.0.0.1:${sitePort}=public`,
      '--host-resolver-rules=MAP app.example 127.0.0.1',
      ...(isSecure ? [`--unsafely-treat-insecure-origin-as-secure=${origin}`] : []),
    ],
  })
  return {
    browser,
    origin,
    device: `http://127.0.0.1:${devicePort}/`,
    async [Symbol.asyncDispose]() {
      await browser.close()
      for (const server of [site, device]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

it.concurrent.each([
  ['websocket', true],
  ['sse', true],
  ['long-poll', false],
] as const)(
  'a client over %s diagnoses policy.local_network when its page lacks the permission (secure page: %s)',
  { timeout: 30_000 },
  async (transport, isSecure) => {
    await using neighbours = await startNeighbours(isSecure)
    await using page = await openInChromium(neighbours.browser, neighbours.origin)
    const told = await page.evaluate(
      ({ url, transport }) =>
        new Promise<{ cause: string; certainty: string }>((resolve) => {
          const { RealtimeClient } = (globalThis as unknown as PageGlobals).Steadfast
          const client = new RealtimeClient(url, { transports: [transport] })
          client.addEventListener('diagnosis', ({ diagnosis: { cause, certainty } }) => {
            client.close()
            resolve({ cause, certainty })
          })
        }),
      { url: neighbours.device, transport },
    )
    expect(told).toEqual({ cause: 'policy.local_network', certainty: 'likely' })
  },
)
