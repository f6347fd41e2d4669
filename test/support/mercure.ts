import { mercureHub } from '../../scripts/build-hubs.mjs'
import { freePort } from './loopback.ts'
import { type ServerProcess, startProcess, tokenOf } from './server-process.ts'

const key = 'a key of tests, which is long enough for HS256'

/** A Mercure hub that lets anonymous clients subscribe to public updates. */
export interface Mercure extends ServerProcess {
  readonly port: number
  readonly url: string
  readonly origin: string
  /** A token that allows its bearer to publish and subscribe to these topics. */
  token(rights: { readonly publish?: readonly string[]; readonly subscribe?: readonly string[] }): string
  /** Publishes as the hub's backend would; resolves with the update's id. */
  publish(topic: string, data: string, fields?: Readonly<Record<string, string>>): Promise<string>
}

export async function startMercure(): Promise<Mercure> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const url = `${origin}/.well-known/mercure`
  const server = await startProcess(mercureHub, url, (folder) => [
    ...['-address', `127.0.0.1:${port}`, '-key', key, '-file', `${folder}/updates.db`],
  ])
  const token: Mercure['token'] = (mercure) => tokenOf({ mercure }, key)
  return {
    ...server,
    port,
    origin,
    url,
    token,
    async publish(topic, data, fields = {}) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token({ publish: ['*'] })}` },
        body: new URLSearchParams({ topic, data, ...fields }),
      })
      const answer = await response.text()
      if (!response.ok) throw new Error(`the hub said ${response.status}: ${answer}`)
      return answer
    },
  }
}
