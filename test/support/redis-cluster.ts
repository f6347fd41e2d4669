import { setTimeout as sleep } from 'node:timers/promises'
import { type RedisServer, startRedis } from './redis-server.ts'
import { until } from './until.ts'

export interface ClusterOptions {
  /** How many of the masters have a replica. */
  readonly replicas?: number
  /** Settings of all servers, as command-line parameters. */
  readonly settings?: readonly string[]
}

/** Three masters, each with a third of the slots. */
export interface RedisClusterServers extends AsyncDisposable {
  /** The current masters. */
  masters(): readonly RedisServer[]
  /** The ports of all servers. */
  readonly ports: readonly number[]
  /** The port of one server, from which a client discovers the others. */
  readonly port: number
  /** A replica loses the link to its master for `lacksMs`, then replaces it: the master is killed and returns as a replica. */
  readonly failOver: (master: number, lacksMs: number) => Promise<void>
}

const slots = 16_384

export async function startRedisCluster({ replicas = 0, settings = [] }: ClusterOptions = {}): Promise<RedisClusterServers> {
  // Replicas take over only when a test says so.
  const ofCluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-replica-no-failover', 'yes']
  const start = () => startRedis([...ofCluster, ...settings])
  const masters = await Promise.all([1, 2, 3].map(start))
  const spares = await Promise.all(Array.from({ length: replicas }, start))
  const all = [...masters, ...spares]
  for (const [index, master] of masters.entries()) {
    const [from, to] = [Math.floor((slots * index) / 3), Math.floor((slots * (index + 1)) / 3) - 1]
    await master.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
  }
  for (const server of all.slice(1)) await server.command('CLUSTER', 'MEET', '127.0.0.1', String(all[0]?.port))
  await until(async () => {
    const texts = await Promise.all(all.map(async (server) => String(await server.command('CLUSTER', 'INFO'))))
    const whole = ['cluster_state:ok', `cluster_known_nodes:${all.length}`, 'cluster_slots_ok:16384']
    return texts.every((text) => whole.every((line) => text.includes(`${line}\r\n`)))
  }, 'The cluster did not come about.')
  for (const [index, spare] of spares.entries()) await follow(spare, masters[index])
  return {
    masters: () => masters,
    ports: all.map(({ port }) => port),
    port: masters[0]?.port ?? 0,
    async failOver(index, lacksMs) {
      const [master, spare] = [masters[index], spares[index]]
      if (!master || !spare) throw new Error(`The master ${index} has no replica.`)
      await until(() => isUpToDate(spare), 'The replica did not come up.')
      // With a password that the master does not know, the replica can no longer follow it.
      await spare.command('CONFIG', 'SET', 'masterauth', 'none')
      await spare.command('CLIENT', 'KILL', 'TYPE', 'master')
      await sleep(lacksMs)
      await master.kill()
      await spare.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
      await spare.command('CONFIG', 'SET', 'masterauth', '')
      masters[index] = spare
      spares[index] = master
      await master.start()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((server) => server[Symbol.asyncDispose]()))
    },
  }
}

async function follow(spare: RedisServer, master: RedisServer | undefined): Promise<void> {
  await spare.command('CLUSTER', 'REPLICATE', String(await master?.command('CLUSTER', 'MYID')))
  await until(() => isUpToDate(spare), 'The replica did not come up.')
}

async function isUpToDate(spare: RedisServer): Promise<boolean> {
  const text = String(await spare.command('INFO', 'replication'))
  return text.includes('role:slave') && text.includes('master_link_status:up') && text.includes('master_sync_in_progress:0')
}
