import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from './redis-server.ts'

/** Three masters, each with a third of the slots. */
export interface RedisClusterServers extends AsyncDisposable {
  readonly masters: readonly RedisServer[]
  readonly ports: readonly number[]
  /** Of one of them, which tells where the others are. */
  readonly port: number
}

const slots = 16_384

export async function startRedisCluster(): Promise<RedisClusterServers> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const masters = await Promise.all([1, 2, 3].map(() => startRedis(settings)))
  const [first] = masters
  for (const [index, master] of masters.entries()) {
    const [from, to] = [Math.floor((slots * index) / 3), Math.floor((slots * (index + 1)) / 3) - 1]
    await master.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    if (master !== first) await master.command('CLUSTER', 'MEET', '127.0.0.1', String(first?.port))
  }
  const isWhole = async (master: RedisServer) => {
    const text = String(await master.command('CLUSTER', 'INFO'))
    return /cluster_state:ok/.test(text) && /cluster_known_nodes:3/.test(text) && /cluster_slots_ok:16384/.test(text)
  }
  for (let times = 0; ; times += 1) {
    const whole = await Promise.all(masters.map(isWhole))
    if (whole.every(Boolean)) break
    if (times > 1000) throw new Error('The cluster did not come about.')
    await sleep(20)
  }
  return {
    masters,
    ports: masters.map(({ port }) => port),
    port: first?.port ?? 0,
    async [Symbol.asyncDispose]() {
      await Promise.all(masters.map((master) => master[Symbol.asyncDispose]()))
    },
  }
}
