import { Buffer } from 'node:buffer'
import type { Argument, ClientEvents, CommandClient, Connector, SubscriberClient, SubscriberEvents } from './contracts.ts'

type Listener = (message: Uint8Array, channel: Uint8Array | string) => void
interface EvalOptions {
  readonly keys: string[]
  readonly arguments: Argument[]
}

/** The used part of a client of node-redis (`createClient`) and of its cluster (`createCluster`). */
interface NodeRedis {
  readonly isReady?: boolean
  readonly masters?: readonly unknown[]
  on(event: string, listener: (error: unknown) => void): unknown
  connect(): Promise<unknown>
  destroy(): void
  duplicate(options?: object): NodeRedis
  withTypeMapping(mapping: object): NodeRedis
  evalSha(sha: string, options: EvalOptions): Promise<unknown>
  eval(text: string, options: EvalOptions): Promise<unknown>
  scriptLoad(text: string): Promise<unknown>
  nodeClient(node: unknown): Promise<NodeRedis>
  subscribe(channels: string[], listener: Listener, isBinary: true): Promise<void>
  unsubscribe(channels: string[], listener: Listener, isBinary: true): Promise<void>
  sSubscribe(channels: string[], listener: Listener, isBinary: true): Promise<void>
  sUnsubscribe(channels: string[], listener: Listener, isBinary: true): Promise<void>
}

/** The RESP types of strings (`$` and `+`), which are returned as bytes. */
const binary = { 36: Buffer, 43: Buffer }

export function isNodeRedis(client: object): boolean {
  return ['withTypeMapping', 'duplicate', 'connect', 'evalSha'].every((name) => typeof Reflect.get(client, name) === 'function')
}

/** Whether it is a client of `createSentinel()`, of which no other connection can be opened: it has no `duplicate()`. */
export function isNodeRedisSentinel(client: object): boolean {
  return ['getSentinelNode', 'acquire', 'evalSha'].every((name) => typeof Reflect.get(client, name) === 'function')
}

/** Opens connections with node-redis 5. Without a connection a command fails: it would be sent at some later time. */
export function nodeRedisConnector(client: object): Connector {
  const template = client as NodeRedis
  const isCluster = typeof Reflect.get(client, 'nodeClient') === 'function'
  const impatient = { disableOfflineQueue: true }
  return {
    isCluster,
    keyPrefix: '',
    commands: (events) =>
      commandsOf(connected(template.duplicate(isCluster ? { defaults: clusterDefaults(client, impatient) } : impatient), events)),
    subscriber: (events) => subscriberOf(connected(template.duplicate(), events), events, isCluster),
  }
}

function clusterDefaults(client: object, added: object): object {
  const options: unknown = Reflect.get(client, '_options')
  const defaults: unknown = typeof options === 'object' && options !== null ? Reflect.get(options, 'defaults') : undefined
  return { ...(typeof defaults === 'object' ? defaults : {}), ...added }
}

/** Connects; a cluster is ready once it is connected, and emits no event for it. */
function connected(client: NodeRedis, events: ClientEvents): NodeRedis {
  const hasReadiness = client.isReady !== undefined
  client.on('error', (error) => {
    if (!client.isReady && hasReadiness) events.lost(error)
  })
  if (hasReadiness) client.on('ready', () => events.ready())
  client
    .connect()
    .then(() => {
      if (!hasReadiness) events.ready()
    })
    .catch((error) => events.lost(error))
  return client
}

function commandsOf(client: NodeRedis): CommandClient {
  const bytes = client.withTypeMapping(binary)
  const optionsOf = (key: string, args: readonly Argument[]): EvalOptions => ({ keys: [key], arguments: args as Argument[] })
  return {
    evalSha: (sha, key, args) => bytes.evalSha(sha, optionsOf(key, args)),
    evaluate: (text, key, args) => bytes.eval(text, optionsOf(key, args)),
    async load(texts) {
      const { masters } = client
      const nodes = masters ? await Promise.all(masters.map((master) => client.nodeClient(master))) : [client]
      await Promise.all(nodes.flatMap((node) => texts.map((text) => node.scriptLoad(text))))
    },
    close: () => destroy(client),
  }
}

function subscriberOf(client: NodeRedis, events: SubscriberEvents, isCluster: boolean): SubscriberClient {
  const listener: Listener = (message, channel) => events.message(String(channel), message)
  return {
    subscribe: (channels) =>
      isCluster ? client.sSubscribe([...channels], listener, true) : client.subscribe([...channels], listener, true),
    unsubscribe: (channels) =>
      isCluster ? client.sUnsubscribe([...channels], listener, true) : client.unsubscribe([...channels], listener, true),
    close: () => destroy(client),
  }
}

function destroy(client: NodeRedis): void {
  try {
    client.destroy()
  } catch {
    // The client is closed already.
  }
}
