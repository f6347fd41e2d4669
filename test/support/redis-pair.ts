import { setTimeout as sleep } from 'node:timers/promises'
import { type Forwarder, startForwarder } from './redis-forwarder.ts'
import { type RedisServer, startRedis } from './redis-server.ts'

/** Two Redis behind one address: one that is used, and a copy of it as it was at the last `copy()`, which can be promoted. */
export interface RedisPair extends AsyncDisposable {
  readonly port: number
  readonly forwarder: Forwarder
  used(): RedisServer
  /** Makes a copy. What is written later is not in it. */
  copy(): Promise<void>
  /** The copy takes over, and what it lacks is lost; then another copy is made. */
  promote(): Promise<void>
}

export async function startRedisPair(): Promise<RedisPair> {
  let [used, spare] = await Promise.all([startRedis(), startRedis()])
  const forwarder = await startForwarder(used.port)
  const copy = async () => {
    await spare.command('REPLICAOF', '127.0.0.1', String(used.port))
    for (let times = 0; ; times += 1) {
      const text = String(await spare.command('INFO', 'replication'))
      const [mine, others] = [/slave_repl_offset:(\d+)/.exec(text)?.[1], await used.command('INFO', 'replication')]
      const isUp = text.includes('master_link_status:up') && text.includes('master_sync_in_progress:0')
      if (isUp && mine === /master_repl_offset:(\d+)/.exec(String(others))?.[1]) break
      if (times > 1000) throw new Error(`The replica did not come up: ${text}`)
      await sleep(10)
    }
    // It is another server from now on, as a replica is that is cut off and promoted.
    await spare.command('REPLICAOF', 'NO', 'ONE')
  }
  await copy()
  return {
    port: forwarder.port,
    forwarder,
    used: () => used,
    copy,
    async promote() {
      const former = used
      used = spare
      spare = former
      forwarder.lead(used.port)
      await copy()
    },
    async [Symbol.asyncDispose]() {
      await forwarder[Symbol.asyncDispose]()
      await Promise.all([used, spare].map((redis) => redis[Symbol.asyncDispose]()))
    },
  }
}
