import { startProxy } from './proxies.ts'

/** nginx with the lines of a snippet, on a port of its own. */
export async function startNginx(lines: string): Promise<{ readonly origin: string; close(): Promise<void> }> {
  const nginx = await startProxy('nginx', lines)
  return { origin: nginx.origin, close: async () => nginx[Symbol.asyncDispose]() }
}
