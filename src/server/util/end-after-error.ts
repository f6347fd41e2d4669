import type { ServerHost } from '../node/host.ts'

/**
 * Handles an error that nobody expected in a promise that nobody awaits: reports it, and ends what would otherwise hang. An error
 * of that end is reported too. It throws nothing, since an unhandled rejection would end the process.
 */
export function endAfterError(error: unknown, host: Pick<ServerHost, 'report'>, end: () => void): void {
  host.report(error)
  try {
    end()
  } catch (another) {
    host.report(another)
  }
}
