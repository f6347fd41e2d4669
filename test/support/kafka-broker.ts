import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import * as kafka from '@platformatic/kafka'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { kafkaJars } from '../../scripts/fetch-kafka.mjs'
import { isEquippedWith, want } from './equipment.ts'
import { freePort } from './loopback.ts'

/** An Apache Kafka broker with its own controller, as a process on free ports. It writes into a temporary folder only. */
export interface KafkaBroker extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string
  createTopic(topic: string, partitions?: number): Promise<void>
  deleteTopic(topic: string): Promise<void>
  /** Adds partitions to a Kafka topic, up to this number. */
  addPartitions(topic: string, count: number): Promise<void>
  /** Deletes the records of a partition before this offset, as retention does. */
  deleteRecords(topic: string, partition: number, below: number): Promise<void>
  /** Ends the process without a chance to clean up (SIGKILL). */
  kill(): Promise<void>
  /** Starts it again on the same ports and in the same folder; resolves when it accepts connections. */
  start(): Promise<void>
  /** Suspends the process (SIGSTOP), resolves once all its threads are suspended; `thaw()` continues it. */
  freeze(): Promise<void>
  thaw(): void
}

/** Starts the broker of a `describe` before its tests and stops it after them. */
export function useKafka(started: (broker: KafkaBroker) => void): void {
  let broker: KafkaBroker | undefined
  beforeAll(async () => {
    if (!(await isEquippedWith('Kafka'))) return
    broker = await startKafka()
    started(broker)
  }, 60_000)
  beforeEach((context) => want(context, 'Kafka'))
  afterAll(() => broker?.[Symbol.asyncDispose]())
}

export async function startKafka(): Promise<KafkaBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-'))
  const [port, controllerPort] = [await freePort(), await freePort()]
  const address = `127.0.0.1:${port}`
  const [properties, log] = [join(folder, 'server.properties'), join(folder, 'log')]
  writeFileSync(properties, propertiesOf(folder, port, controllerPort))
  writeFileSync(join(folder, 'log4j2.properties'), logging)
  const java = [
    ...['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    ...[`-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`, `-Dkafka.log=${log}`, '-cp', `${kafkaJars}/*`],
  ]
  const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', 'c3RlYWRmYXN0LXRlc3Rz', '--config', properties]
  await promisify(execFile)('java', [...java, ...format])
  let broker: ChildProcess | null = null
  const killWithUs = () => void broker?.kill('SIGKILL')
  process.once('exit', killWithUs)
  const admin = new kafka.Admin({ clientId: 'tests', bootstrapBrokers: [address], retries: 50, retryDelay: 100 })

  async function start(): Promise<void> {
    broker = spawn('java', [...java, 'kafka.Kafka', properties], { stdio: 'ignore' })
    for (let times = 0; times < 600; times += 1) {
      if (broker.exitCode !== null) break
      if (await accepts(port)) return
      await sleep(50)
    }
    throw new Error(`Kafka did not start:\n${readFileSync(log, 'utf8')}`)
  }
  async function kill(): Promise<void> {
    const killed = broker
    broker = null
    if (!killed || killed.exitCode !== null || killed.signalCode !== null) return
    killed.kill('SIGKILL')
    await once(killed, 'exit')
  }
  await start()
  return {
    address,
    start,
    kill,
    async createTopic(topic, partitions = 1) {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
    },
    async deleteTopic(topic) {
      await admin.deleteTopics({ topics: [topic] })
    },
    async deleteRecords(topic, partition, below) {
      const [connection] = [...(await admin.connectToBrokers()).values()]
      const topics = [{ name: topic, partitions: [{ partitionIndex: partition, offset: BigInt(below) }] }]
      await new Promise<void>((resolve, reject) => {
        const done = (error: Error | null) => (error ? reject(error) : resolve())
        if (connection) kafka.deleteRecordsV2.api(connection, topics, 5000, done)
        else reject(new Error('Kafka has no broker.'))
      })
    },
    async addPartitions(name, count) {
      const connection = new kafka.Connection('tests')
      await connection.connect('127.0.0.1', port)
      // `null`: the broker assigns them.
      await kafka.createPartitionsV3.api.async(connection, [{ name, count, assignments: null as never }], 5000, false)
      await connection.close()
    },
    freeze: async () => {
      broker?.kill('SIGSTOP')
      await allThreadsStopped(broker?.pid)
    },
    thaw: () => void broker?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      process.off('exit', killWithUs)
      broker?.kill('SIGCONT')
      await kill()
      await admin.close().catch(() => {})
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Settings for a small broker that starts quickly: as few threads and internal partitions as possible. */
function propertiesOf(folder: string, port: number, controllerPort: number): string {
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(folder, 'data'),
    'auto.create.topics.enable': false,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 1,
    'num.io.threads': 2,
    'background.threads': 1,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

const logging = `appender.file.type=File
appender.file.name=file
appender.file.fileName=\${sys:kafka.log}
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c: %m%n
rootLogger.level=WARN
rootLogger.appenderRef.file.ref=file
`

/** One thread takes the signal and stops the others: on a busy machine the broker answers requests until that thread runs. */
async function allThreadsStopped(pid: number | undefined): Promise<void> {
  const isStopped = async (thread: string) => {
    const status = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => null)
    return status === null || /^\d+ \(.*\) [Tt] /s.test(status)
  }
  for (;;) {
    const threads = await readdir(`/proc/${pid}/task`).catch(() => null)
    // Only Linux has this folder.
    if (threads === null) return void (await sleep(100))
    const areStopped = await Promise.all(threads.map(isStopped))
    if (!areStopped.includes(false)) return
    await sleep(1)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
