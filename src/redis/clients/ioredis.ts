import type { Argument, ClientEvents, CommandClient, Connector, SubscriberClient, SubscriberEvents } from './contracts.ts'

/** The used part of ioredis's `Redis` and `Cluster`. */
interface Ioredis {
  readonly isCluster: boolean
  readonly options: { readonly keyPrefix?: string | Buffer }
  readonly status: string
  on(event: string, listener: (first: unknown, second: unknown) => void): unknown
  connect(): Promise<unknown>
  disconnect(): void
  nodes(role: 'master'): readonly Ioredis[]
  call(command: string, ...args: readonly Argument[]): Promise<unknown>
  evalshaBuffer(sha: string, keys: number, ...args: readonly Argument[]): Promise<unknown>
  evalBuffer(text: string, keys: number, ...args: readonly Argument[]): Promise<unknown>
  subscribe(...channels: readonly string[]): Promise<unknown>
  unsubscribe(...channels: readonly string[]): Promise<unknown>
  ssubscribe(...channels: readonly string[]): Promise<unknown>
  sunsubscribe(...channels: readonly string[]): Promise<unknown>
  duplicate(first?: unknown, second?: object): Ioredis
}

/** Without a connection a command fails, and none is resent: in either case it would run at some later time. */
const redisOptions = {
  enableOfflineQueue: false,
  lazyConnect: true,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  enableAutoPipelining: false,
  keyPrefix: '',
}

export function isIoredis(client: object): boolean {
  return ['duplicate', 'connect', 'evalshaBuffer', 'defineCommand'].every(
    (name) => typeof Reflect.get(client, name) === 'function',
  )
}

/** Opens connections with ioredis 5. */
export function ioredisConnector(client: object): Connector {
  const template = client as Ioredis
  const { isCluster } = template
  const make = () => (isCluster ? template.duplicate([], clusterOptions(client)) : template.duplicate(redisOptions))
  return {
    isCluster,
    keyPrefix: String(template.options.keyPrefix ?? ''),
    commands: (events) => commandsOf(connected(make(), events)),
    subscriber: (events) => subscriberOf(connected(make(), events), events, isCluster),
  }
}

function clusterOptions(client: object): object {
  const options: unknown = Reflect.get(client, 'options')
  const given: unknown = typeof options === 'object' && options !== null ? Reflect.get(options, 'redisOptions') : undefined
  // The cluster decides when to connect to a node.
  const { lazyConnect, ...ofNode } = redisOptions
  return {
    lazyConnect,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    shardedSubscribers: true,
    keyPrefix: '',
    redisOptions: { ...(typeof given === 'object' ? given : {}), ...ofNode },
  }
}

function connected(client: Ioredis, events: ClientEvents): Ioredis {
  // It closes the connection after an error, which says more.
  let failure: unknown
  client.on('error', (error) => {
    if (client.status === 'ready') return
    failure = error
    events.lost(error)
  })
  client.on('close', () => events.lost(failure ?? new Error('The connection was closed.')))
  client.on('ready', () => {
    failure = undefined
    events.ready()
  })
  client.connect().catch((error) => events.lost(failure ?? error))
  return client
}

function commandsOf(client: Ioredis): CommandClient {
  return {
    evalSha: (sha, key, args) => client.evalshaBuffer(sha, 1, key, ...args),
    evaluate: (text, key, args) => client.evalBuffer(text, 1, key, ...args),
    async load(texts) {
      const nodes = client.isCluster ? client.nodes('master') : [client]
      await Promise.all(nodes.flatMap((node) => texts.map((text) => node.call('SCRIPT', 'LOAD', text))))
    },
    close: () => client.disconnect(),
  }
}

function subscriberOf(client: Ioredis, events: SubscriberEvents, isCluster: boolean): SubscriberClient {
  client.on(isCluster ? 'smessageBuffer' : 'messageBuffer', (channel, message) => {
    if (message instanceof Uint8Array) events.message(String(channel), message)
  })
  return {
    async subscribe(channels) {
      await (isCluster ? client.ssubscribe(...channels) : client.subscribe(...channels))
    },
    async unsubscribe(channels) {
      await (isCluster ? client.sunsubscribe(...channels) : client.unsubscribe(...channels))
    },
    close: () => client.disconnect(),
  }
}
