import { writeFileSync } from 'node:fs'
import { centrifugoServer } from '../../scripts/build-hubs.mjs'
import { freePort } from './loopback.ts'
import { type ServerProcess, startProcess, tokenOf } from './server-process.ts'

const tokenKey = 'a key of tests for tokens'
const apiKey = 'a key of tests for the API'

/** Centrifugo with its engine in memory. Its channels recover, except those of the namespace `brief`, which keep no history. */
export interface Centrifugo extends ServerProcess {
  readonly port: number
  readonly origin: string
  /** A connection token. */
  token(claims?: object): string
  publish(channel: string, data: unknown): Promise<void>
  /** Calls a method of the server's API. */
  call(method: string, parameters: object): Promise<unknown>
}

/** @param statuses the HTTP statuses with which its event streams refuse a client, by Centrifugo's code; 200 and a push for others */
export async function startCentrifugo(statuses: Readonly<Record<number, number>> = {}): Promise<Centrifugo> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const transforms = Object.entries(statuses).map(([code, status]) => ({ code: Number(code), to: { status_code: status } }))
  const answers = { connect_code_to_http_response: { enabled: transforms.length > 0, transforms } }
  const channel = { allow_subscribe_for_client: true }
  const config = {
    http_server: { address: '127.0.0.1', port: String(port) },
    client: { allowed_origins: ['*'], token: { hmac_secret_key: tokenKey } },
    channel: {
      without_namespace: { ...channel, history_size: 1000, history_ttl: '300s', force_recovery: true },
      namespaces: [{ name: 'brief', ...channel }],
    },
    http_api: { key: apiKey },
    uni_sse: { enabled: true, ...answers },
    uni_websocket: { enabled: true },
  }
  const server = await startProcess(centrifugoServer, origin, (folder) => {
    writeFileSync(`${folder}/config.json`, JSON.stringify(config))
    return ['-c', 'config.json']
  })
  const call: Centrifugo['call'] = async (method, parameters) => {
    const response = await fetch(`${origin}/api/${method}`, {
      method: 'POST',
      headers: { 'X-API-Key': apiKey, 'Content-Type': 'application/json' },
      body: JSON.stringify(parameters),
    })
    const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } }
    if (error) throw new Error(`Centrifugo said: ${error.message}`)
    return result
  }
  return {
    ...server,
    port,
    origin,
    call,
    token: (claims = {}) => tokenOf({ sub: '42', exp: Math.floor(Date.now() / 1000) + 3600, ...claims }, tokenKey),
    async publish(name, data) {
      await call('publish', { channel: name, data })
    },
  }
}
