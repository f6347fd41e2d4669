import { freePort } from './loopback.ts'
import { type ServerProcess, startProcess } from './server-process.ts'

/** The reference server of the Durable Streams protocol, with its streams in files, so that they outlive a restart. */
export interface DurableStreams extends ServerProcess {
  readonly port: number
  readonly origin: string
  /** Creates a stream; returns its URL. */
  create(name: string, contentType?: string): Promise<string>
  /** Appends to a stream; resolves with the offset behind it. */
  append(name: string, body: BodyInit, contentType?: string): Promise<string>
  /** Closes the stream: nothing can be appended any more. */
  closeStream(name: string): Promise<void>
}

/** It prints to the console, so it runs in a process of its own. */
const program = (port: number, longPollTimeout: number) => `
  import { DurableStreamTestServer } from ${JSON.stringify(import.meta.resolve('@durable-streams/server'))}
  await new DurableStreamTestServer({
    port: ${port}, host: '127.0.0.1', dataDir: process.cwd() + '/data', longPollTimeout: ${longPollTimeout},
  }).start()`

/** @param longPollTimeout how long a long-poll is held, in milliseconds */
export async function startDurableStreams(longPollTimeout = 1000): Promise<DurableStreams> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const code = program(port, longPollTimeout)
  const server = await startProcess(process.execPath, origin, () => ['--input-type=module', '--eval', code])
  const ask = async (name: string, method: string, init: RequestInit) => {
    const response = await fetch(`${origin}/${name}`, { method, ...init })
    if (!response.ok) throw new Error(`the server said ${response.status}: ${await response.text()}`)
    return response.headers.get('stream-next-offset') ?? ''
  }
  const typed = (contentType: string) => ({ headers: { 'Content-Type': contentType } })
  return {
    ...server,
    port,
    origin,
    async create(name, contentType = 'application/json') {
      await ask(name, 'PUT', typed(contentType))
      return `${origin}/${name}`
    },
    append: (name, body, contentType = 'application/json') => ask(name, 'POST', { ...typed(contentType), body }),
    async closeStream(name) {
      await ask(name, 'POST', { headers: { 'Stream-Closed': 'true' } })
    },
  }
}
