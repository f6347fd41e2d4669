import { setTimeout as sleep } from 'node:timers/promises'
import { type Forwarder, startForwarder } from './redis-forwarder.ts'
import { type RedisServer, startRedis } from './redis-server.ts'

/** Two Redis servers behind one address: the one in use, and a copy as of the last `copy()`, which can be promoted. */
export interface RedisPair extends AsyncDisposable {
  readonly port: number
  readonly forwarder: Forwarder
  used(): RedisServer
  /** Copies the server in use. Later writes are not in the copy. */
  copy(): Promise<void>
  /** The copy takes over, and writes that it lacks are lost; then another copy is made. */
  promote(): Promise<void>
}

/** @param settings of both, as command-line parameters */
export async function startRedisPair(settings: readonly string[] = []): Promise<RedisPair> {
  let [used, spare] = await Promise.all([startRedis(settings), startRedis(settings)])
  const forwarder = await startForwarder(used.port)
  const copy = async () => {
    await spare.command('REPLICAOF', '127.0.0.1', String(used.port))
    for (let times = 0; ; times += 1) {
      // The server in use may still get writes: the copy must have those from before it was asked for its offset.
      const others = String(await used.command('INFO', 'replication'))
      const text = String(await spare.command('INFO', 'replication'))
      const isUp = text.includes('master_link_status:up') && text.includes('master_sync_in_progress:0')
      const [mine, theirs] = [/slave_repl_offset:(\d+)/.exec(text)?.[1], /master_repl_offset:(\d+)/.exec(others)?.[1]]
      if (isUp && Number(mine) >= Number(theirs)) break
      if (times > 1000) throw new Error(`The replica did not come up: ${text}`)
      await sleep(10)
    }
    // From now on it is independent, like a replica that was cut off and promoted.
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
