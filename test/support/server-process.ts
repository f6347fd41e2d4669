import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

/** A server process for one test, in a folder of its own. */
export interface ServerProcess extends AsyncDisposable {
  /** Ends the process at once, as `kill -9`. */
  kill(): Promise<void>
  /** Starts it again, on the same port and in the same folder. */
  start(): Promise<void>
}

/** Starts a program, and waits until the server answers HTTP requests at the URL. */
export async function startProcess(
  file: string,
  url: string,
  args: (folder: string) => readonly string[],
): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'steadfast-server-'))
  const given = args(folder)
  let child: ChildProcess | undefined
  let said = ''
  const kill = async () => {
    const of = child
    child = undefined
    if (!of) return
    const ended = (of.exitCode ?? of.signalCode) === null ? new Promise((resolve) => of.once('exit', resolve)) : undefined
    of.kill('SIGKILL')
    await ended
  }
  const start = async () => {
    child = spawn(file, given, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    child.on('error', (error) => {
      said += error.message
    })
    child.stderr?.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-2000)
    })
    await until(() => fetch(url, { method: 'HEAD' }).then(Boolean, () => false), `${file} did not start: ${said}`)
  }
  await start()
  return {
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A JSON Web Token, signed with HMAC and SHA-256 (RFC 7519). */
export function tokenOf(claims: object, key: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}
