import { createServer, type Server } from 'node:http'
import process from 'node:process'
import { gateway } from '../gateway/index.ts'
import type { RedisStore } from '../redis/redis-store.ts'
import { nodeHost } from '../server/node/process-host.ts'
import { RealtimeServer } from '../server/server.ts'
import { answerAdmin } from './admin.ts'
import { type Log, logTo } from './log.ts'
import { logged } from './logged.ts'
import { needWs, openRedis } from './packages.ts'
import { UsageError } from './read-options.ts'
import { type CommandSettings, usageOf } from './settings.ts'

/** How much longer than `--drain-ms` the process may run, in milliseconds; then it exits, whatever is still open. */
const marginMs = 500

/** Runs the gateway until a signal arrives. Resolves when it listens. @throws UsageError */
export async function runGateway(settings: CommandSettings): Promise<void> {
  const host = nodeHost((error) => log('error', { message: String(error) }))
  const log = logTo(settings.log, host.now)
  await needWs()
  const store = settings.redisUrl === null ? null : await openRedis(settings.redisUrl, () => {})
  const realtime = serverOf(settings, store, log, host)
  const publicServer = createServer((_, response) => {
    response.writeHead(404, { 'Content-Type': 'text/plain' })
    response.end('Not found.\n')
  })
  realtime.attach(publicServer)
  const admin = settings.admin && createServer((request, response) => answerAdmin(realtime, request, response))
  try {
    await listen(publicServer, settings.listen, '--listen')
    if (admin && settings.admin) await listen(admin, settings.admin, '--admin')
  } catch (error) {
    publicServer.close()
    await realtime.close({ drainMs: 0 })
    await store?.close()
    throw error
  }
  log('listening', { address: addressText(publicServer), path: settings.gateway.path ?? '/realtime' })
  if (admin) log('admin', { address: addressText(admin) })
  onSignals(log, async () => {
    host.after(settings.drainMs + marginMs, () => process.exit(0))
    // It goes on listening meanwhile, to send the end of its socket to a page that is between two polls.
    await realtime.close({ drainMs: settings.drainMs })
    await store?.close()
    publicServer.close()
    publicServer.closeAllConnections()
    admin?.close()
    admin?.closeAllConnections()
    log('stopped')
    process.exit(0)
  })
}

function serverOf(
  { gateway: options }: CommandSettings,
  store: RedisStore | null,
  log: Log,
  host: ReturnType<typeof nodeHost>,
): RealtimeServer {
  try {
    const kept = store ? { topics: store.topics, sessions: store.sessions } : {}
    const onError = (error: unknown) => log('error', { message: error instanceof Error ? error.message : String(error) })
    return new RealtimeServer(logged(gateway({ ...options, ...kept, onError }), log, host))
  } catch (error) {
    throw error instanceof TypeError ? usageOf(error) : error
  }
}

/** The first signal shuts the gateway down gracefully, the second exits at once. */
function onSignals(log: Log, stop: () => Promise<void>): void {
  let isStopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1)
      isStopping = true
      log('stopping', { signal })
      stop().catch((error) => {
        log('error', { message: String(error) })
        process.exit(1)
      })
    })
  }
}

function listen(server: Server, { host, port }: CommandSettings['listen'], name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${host ?? ''}${host === undefined ? '' : ':'}${port}`
      const why: Readonly<Record<string, string>> = {
        EADDRINUSE: `the port is in use; choose another one, or stop what listens there`,
        EACCES: `it is not permitted; ports below 1024 need a privilege`,
        EADDRNOTAVAIL: `this machine has no such address`,
        ENOTFOUND: `there is no host of this name`,
      }
      reject(new UsageError(`${name} ${where}: ${why[error.code ?? ''] ?? error.message}`, { cause: error }))
    })
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => resolve())
  })
}

function addressText(server: Server): string {
  const address = server.address()
  if (typeof address !== 'object' || address === null) return String(address)
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`
}
