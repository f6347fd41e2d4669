import { Call } from './call.ts'
import { CallQueue } from './call-queue.ts'
import type { Argument, CommandClient } from './clients/contracts.ts'
import { Deadlines } from './deadlines.ts'
import { type Failure, failureOf } from './failures.ts'
import { hello, SetupError } from './hello.ts'
import type { LinkSettings } from './link-settings.ts'
import type { Script } from './scripts/script.ts'
import { StreamOrder } from './stream-order.ts'

type State = { readonly type: 'connecting' | 'ready' | 'closed' } | { readonly type: 'refused'; readonly error: Error }

/**
 * Runs scripts over one connection, in the order of the calls, each within `timeoutMs`. A call waits while there is no
 * connection; after a broken one it is sent again only if Redis cannot have run it, or if it is safe to run twice; later calls of
 * its bucket wait for it. In a cluster only the order within each stream is kept.
 */
export class Link {
  readonly #settings: LinkSettings
  readonly #deadlines: Deadlines
  readonly #tokens = new Map<number, string>()
  #state: State = { type: 'connecting' }
  #client: CommandClient | null = null
  /** The number of the client and its connection; events of an earlier one are ignored. */
  #generation = 0
  #connectedAt = 0
  #answeredAt = 0
  #calls = 0
  /** Calls that wait for a connection. */
  readonly #waiting = new CallQueue()
  /** By bucket: calls that wait since a call before them has to be sent again. */
  readonly #held = new Map<number, CallQueue>()
  /** In a cluster only. */
  readonly #order: StreamOrder | null
  #id: string | null = null

  constructor(settings: LinkSettings) {
    this.#settings = settings
    const { host, timeoutMs } = settings
    this.#deadlines = new Deadlines(timeoutMs, host.elapsedMs, host.after)
    this.#order = settings.connector.isCluster ? new StreamOrder((call) => this.#begin(call)) : null
    this.#connect()
  }

  get id(): string | null {
    return this.#id
  }

  /** When the connection attempt began, by the monotonic clock. */
  get connectedAt(): number {
    return this.#connectedAt
  }

  get isReady(): boolean {
    return this.#state.type === 'ready'
  }

  /** Runs a script; resolves with its reply without the token of the life. */
  run(script: Script, bucket: number, args: readonly Argument[]): Promise<readonly unknown[]> {
    const call = this.#callOf(script, bucket, args)
    this.#begin(call)
    return call.result
  }

  /** The same for a script that appends to the stream named by its first argument: in the order of the calls. */
  append(script: Script, bucket: number, args: readonly [stream: string, ...Argument[]]): Promise<readonly unknown[]> {
    const call = this.#callOf(script, bucket, args)
    if (this.#order) this.#order.add(args[0], call)
    else this.#begin(call)
    return call.result
  }

  /** Drops the connection, which is silent or leads to a server that has become a replica, and opens another. */
  restart(cause: unknown): void {
    if (this.#state.type === 'closed') return
    this.#state = { type: 'connecting' }
    // A connection that has failed says more than that it is silent.
    this.#waiting.cause ??= cause
    this.#connect()
  }

  close(): void {
    this.#state = { type: 'closed' }
    this.#generation += 1
    this.#client?.close()
    this.#client = null
    this.#waiting.take()
    this.#held.clear()
    this.#deadlines.clear((call) => {
      if (call instanceof Call) call.reject(new Error('redisStore: it was closed.'))
    })
  }

  #connect(): void {
    this.#generation += 1
    const generation = this.#generation
    this.#connectedAt = this.#settings.host.elapsedMs()
    this.#client?.close()
    this.#client = null
    const isCurrent = () => generation === this.#generation
    this.#client = this.#settings.connector.commands({
      ready: () => {
        if (isCurrent()) this.#greet(generation)
      },
      lost: (cause) => {
        if (!isCurrent()) return
        this.#state = { type: 'connecting' }
        this.#waiting.cause = cause
      },
    })
  }

  /** Runs first on each connection: loads the scripts, reads the life of each bucket and the store's id. */
  #greet(generation: number): void {
    const client = this.#client
    if (!client) return
    this.#connectedAt = this.#settings.host.elapsedMs()
    this.#state = { type: 'connecting' }
    this.#hello(client)
      .then(() => {
        if (generation !== this.#generation) return
        this.#state = { type: 'ready' }
        for (const call of this.#waiting.take()) if (!call.isOver) this.#begin(call)
      })
      .catch((error) => {
        if (generation !== this.#generation) return
        if (!(error instanceof SetupError)) this.#waiting.cause = error
        else {
          this.#state = { type: 'refused', error }
          for (const call of this.#waiting.take()) call.reject(error)
        }
      })
  }

  async #hello(client: CommandClient): Promise<void> {
    this.#id = await hello(client, this.#settings, (bucket, reply) => this.#answered(bucket, reply))
  }

  readonly #timedOut = ({ sentAt }: Call): void => {
    const { host, timeoutMs, silent } = this.#settings
    // A call that was sent only shortly before its timeout proves little.
    const isSilent = sentAt > this.#answeredAt && host.elapsedMs() - sentAt >= timeoutMs / 2
    if (this.#state.type === 'ready' && isSilent) silent()
  }

  #callOf(script: Script, bucket: number, args: readonly Argument[]): Call {
    this.#calls += 1
    const { timeoutMs } = this.#settings
    const call = new Call(script, bucket, args, { serial: this.#calls, timeoutMs, onTimeout: this.#timedOut })
    if (this.#state.type !== 'refused' && this.#state.type !== 'closed') this.#deadlines.add(call)
    return call
  }

  #begin(call: Call): void {
    if (this.#state.type === 'refused') call.reject(this.#state.error)
    else if (this.#state.type === 'closed') call.reject(new Error('redisStore: it was closed.'))
    else if (this.#state.type === 'connecting') this.#waiting.add(call, this.#waiting.cause)
    else {
      const held = this.#held.get(call.bucket)
      if (held) held.add(call, null)
      else this.#send(call)
    }
  }

  #send(call: Call): void {
    const client = this.#client
    if (call.isOver || !client) return
    const generation = this.#generation
    call.sentAt = this.#settings.host.elapsedMs()
    client
      .evalSha(call.script.sha, `${this.#settings.buckets.base(call.bucket)}b`, call.args)
      .then(
        (reply) => this.#received(call, reply, generation),
        (error) => this.#failed(call, error, client, generation),
      )
      .catch((error) => call.fail(error))
  }

  #received(call: Call, reply: unknown, generation: number): void {
    if (!Array.isArray(reply)) {
      // The replies no longer match their commands.
      const error = new TypeError('a script returned no list')
      call.fail(error)
      if (generation === this.#generation) this.restart(error)
      return
    }
    this.#answered(call.bucket, reply)
    call.resolve(reply.slice(1))
  }

  #failed(call: Call, error: unknown, client: CommandClient, generation: number): void {
    if (call.isOver) return
    const failure = failureOf(error)
    if (failure === 'unknown-script') {
      client
        .evaluate(call.script.text, `${this.#settings.buckets.base(call.bucket)}b`, call.args)
        .then((reply) => this.#received(call, reply, generation))
        .catch((again) => call.fail(again))
      return
    }
    const isRepeated = undone.includes(failure) || (failure === 'unknown' && call.script.isRepeatable)
    if (!isRepeated || this.#state.type === 'closed') {
      call.fail(error)
      return
    }
    // The server no longer accepts writes.
    if (failure === 'elsewhere' && generation === this.#generation && this.#state.type === 'ready') this.#pauseAndConnect(error)
    if (this.#state.type === 'ready') this.#later(call, error)
    else this.#waiting.add(call, error)
  }

  /** Sends a call later: the client has not noticed yet that its connection is gone, or has just reconnected. */
  #later(call: Call, error: unknown): void {
    const { bucket } = call
    const before = this.#held.get(bucket)
    const held = before ?? new CallQueue()
    held.add(call, error)
    if (before) return
    this.#held.set(bucket, held)
    this.#settings.host.after(retryMs, () => {
      if (this.#held.get(bucket) !== held) return
      this.#held.delete(bucket)
      for (const each of held.take()) if (!each.isOver) this.#begin(each)
    })
  }

  #pauseAndConnect(cause: unknown): void {
    const generation = this.#generation
    this.#state = { type: 'connecting' }
    this.#waiting.cause = cause
    this.#settings.host.after(retryMs, () => {
      if (generation === this.#generation) this.restart(cause)
    })
  }

  #answered(bucket: number, [token]: readonly unknown[]): void {
    this.#answeredAt = this.#settings.host.elapsedMs()
    const life = String(token)
    const before = this.#tokens.get(bucket)
    if (before === life) return
    this.#tokens.set(bucket, life)
    if (before === undefined) return
    this.#settings.newLife(bucket)
    // A Redis that was flushed is another store.
    if (bucket === 0 && this.#client && this.#state.type === 'ready') this.#hello(this.#client).catch(() => {})
  }
}

const retryMs = 100
const undone: readonly Failure[] = ['unsent', 'moving', 'elsewhere']
