import { expect, it, vi } from 'vitest'
import { commandOptions } from '../../src/cli/options.ts'
import { readArguments, readConfiguration } from '../../src/cli/read-options.ts'
import { settingsOf } from '../../src/cli/settings.ts'
import { gateway } from '../../src/gateway/index.ts'
import { gatewayOptions } from '../../src/gateway/settings.ts'
import { webSocketOver } from '../../src/socket/index.ts'
import { startBackend } from '../support/gateway-rig.ts'
import { documentation, snippetNamed, tableOf } from '../support/readme.ts'
import { runSnippet } from '../support/readme-run.ts'
import { startSessionServers } from '../support/readme-session.ts'
import { transportOf } from '../support/session-rig.ts'
import { watch } from '../support/socket-rig.ts'
import { nodeHost } from '../support/watched-client.ts'

/** The snippets and the table of docs/guide/gateway.md. */
it('gateway-command and gateway-config are accepted by the steadfast command', () => {
  const [, line = ''] = snippetNamed('gateway-command').code.trim().split('\n')
  const [npx, steadfast, command, ...words] = line.split(' ')
  expect([npx, steadfast, command]).toEqual(['npx', 'steadfast', 'gateway'])
  const settings = settingsOf(readArguments(words))
  expect(settings).toMatchObject({
    listen: { port: 8080 },
    gateway: { target: 'ws://127.0.0.1:9000', origins: ['https://app.example'] },
  })
  const { gateway: options, admin } = settingsOf(readConfiguration(snippetNamed('gateway-config').code, 'gateway.json'))
  expect(() => gateway(options)).not.toThrow()
  expect(admin).toEqual({ host: '127.0.0.1', port: 9090 })
  expect(commandOptions.map(({ name }) => name)).toEqual(expect.arrayContaining(['config', 'drain-ms', 'help']))
})

it('gateway-server connects a page to its backend', async () => {
  await using backend = await startBackend()
  const { code, ...snippet } = snippetNamed('gateway-server')
  await using servers = await startSessionServers(
    { ...snippet, code: code.replace('ws://127.0.0.1:9000/chat', backend.url) },
    { userOf: () => ({ id: 'ann' }) },
  )
  const Socket = webSocketOver({ host: nodeHost, transports: [transportOf('long-poll')] })
  const { socket, data, opened, closed } = watch(new Socket(`${servers.origins[0]}/realtime`))
  await opened()
  socket.send('hello')
  await vi.waitFor(() => expect(data).toEqual(['hello']), 5000)
  expect(backend.connections[0]?.request.headers['x-user']).toBe('ann')
  socket.close()
  await closed()
  expect(servers.errors).toEqual([])
})

it('gateway-targets creates the options of a server', async () => {
  const { options } = (await runSnippet(
    snippetNamed('gateway-targets'),
    { 'steadfast/gateway': { gateway } },
    { principalOf: () => null },
  )) as {
    readonly options: ReturnType<typeof gateway>
  }
  expect(options.acceptSession).toBeTypeOf('function')
})

it('the options table lists every option of gateway()', () => {
  const rows = tableOf(documentation, 'gateway option')
  expect(rows.map((row) => row['gateway option'])).toEqual([...gatewayOptions])
})
