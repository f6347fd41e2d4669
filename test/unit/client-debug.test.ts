import { describe, expect, it } from 'vitest'
import { RealtimeClient } from '../../src/index.ts'
import { benchOf } from '../support/client-bench.ts'
import { opens, refuses, sequence } from '../support/fake-transport.ts'
import { manualPage } from '../support/manual-host.ts'

describe('debug', () => {
  it('receives one line for each event, with transport, attempt, cause and next try', async () => {
    const lines: string[] = []
    const { client, pass, transport } = benchOf(
      { websocket: sequence(refuses(503), opens()) },
      { debug: (line) => lines.push(line) },
    )
    await pass(1000)
    transport('websocket').last.receive('secret', { id: 'secret', name: 'secret', topic: 'secret' })
    await client.close()
    expect(lines).toEqual([
      'steadfast: state, connecting, websocket, attempt 0',
      'steadfast: error, connection, websocket, attempt 0, http.503 (likely), next try 1 in 500 ms',
      'steadfast: state, waiting, http.503 (likely), next try 1 in 500 ms',
      'steadfast: state, connecting, websocket, attempt 1',
      'steadfast: open, websocket, attempt 1, took 10 ms',
      'steadfast: state, open, websocket',
      'steadfast: state, open, websocket, proven',
      'steadfast: message, websocket',
      'steadfast: close, code 1000, attempt 1, final',
      'steadfast: state, closed',
    ])
  })

  it('set to true prints to the console; by default nothing is printed', async () => {
    const loud = benchOf({ websocket: opens() }, { debug: true })
    const quiet = benchOf({ websocket: opens() })
    await loud.pass(20)
    await quiet.pass(20)
    expect(loud.logged[0]).toBe('debug steadfast: state, connecting, websocket, attempt 0')
    expect(quiet.logged).toEqual([])
  })

  it('prints no message data, URL, close reason or error text', async () => {
    const lines: string[] = []
    const prepare = () => {
      throw new Error('secret')
    }
    const { client, pass } = benchOf({ websocket: opens() }, { debug: (line) => lines.push(line), prepare })
    client.send('secret')
    await pass(2000)
    await client.close(3000, 'secret')
    expect(lines.join('\n')).toContain('client.unprepared')
    expect(lines.join('\n')).not.toMatch(/secret|example/)
  })

  it('that throws is reported, and the client opens all the same', async () => {
    const mistake = new Error('mistake')
    const { client, pass, reported } = benchOf(
      { websocket: opens() },
      {
        debug() {
          throw mistake
        },
      },
    )
    await pass(20)
    expect(client.state.status).toBe('open')
    expect(new Set(reported)).toEqual(new Set([mistake]))
  })
})

/** A client on a simulated page whose credentials were refused, so that it is closed. */
async function ended(listen: (client: RealtimeClient) => void = () => {}, own = {}) {
  const page = manualPage()
  const { transport } = benchOf({ sse: refuses(401) })
  const client = new RealtimeClient('https://api.example/realtime?token=secret', {
    transports: [transport('sse')],
    probe: false,
    ...own,
    host: page.host,
  })
  listen(client)
  await page.pass(1000)
  expect(client.state.status).toBe('closed')
  return { client, ...page }
}

describe('the console message of a client that gives up', () => {
  it('is printed once, with the cause and the remedy', async () => {
    const { logged, pass } = await ended()
    await pass(60_000)
    expect(logged).toEqual([
      expect.stringMatching(
        /^error steadfast: the client has given up \(http\.401\)\. api\.example refused the credentials \(401\)\. What to do: docs\/DIAGNOSES\.md/,
      ),
    ])
    const { logged: advised } = await ended(undefined, { causes: { 401: { remedy: 'Log in.' } } })
    expect(advised).toEqual([expect.stringMatching(/What to do: Log in\.$/)])
  })

  it.each<[string, (client: RealtimeClient) => void]>([
    ["a listener for 'error'", (client) => client.on('error', () => {})],
    ["a listener for '*'", (client) => client.on('*', () => {})],
    [
      'an onerror handler',
      (client) => {
        client.onerror = () => {}
      },
    ],
  ])('is not printed if there is %s', async (_, listen) => {
    expect((await ended(listen)).logged).toEqual([])
  })

  it('is not printed if the application closes the client', async () => {
    const { client, pass, logged } = benchOf({ websocket: opens() })
    await pass(10)
    await client.close()
    expect(logged).toEqual([])
  })
})
