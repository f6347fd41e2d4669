import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export interface KeyPair {
  readonly key: Buffer
  readonly cert: Buffer
}

/** A temporary certificate authority of the lab. */
export interface Certificates extends AsyncDisposable {
  readonly folder: string
  /** Issues a certificate that is valid for this address, unless the options say otherwise. */
  issue(ip: string, options?: { readonly days?: number; readonly by?: 'ours' | 'nobody' }): Promise<KeyPair>
  /** Makes the NSS database in this folder trust the authority; resolves with whether the tool for that is installed. */
  trustIn(folder: string): Promise<boolean>
}

export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'steadfast-faults-'))
  const at = (name: string) => join(folder, name)
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.crt`),
      '-days',
      '30',
      '-subj',
      `/CN=lab ${name}`,
    )
  await Promise.all([authority('ours'), authority('nobody')])
  let count = 0
  return {
    folder,
    async issue(ip, { days = 30, by = 'ours' } = {}) {
      count += 1
      const name = `leaf-${count}`
      await openssl('req', ...key, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', '/CN=steadfast faults')
      await writeFile(at(`${name}.ext`), `subjectAltName=IP:${ip}\nextendedKeyUsage=serverAuth\n`)
      await openssl(
        ...['x509', '-req', '-in', at(`${name}.csr`), '-out', at(`${name}.crt`), '-extfile', at(`${name}.ext`)],
        ...['-CA', at(`${by}.crt`), '-CAkey', at(`${by}.key`), '-set_serial', String(1000 + count), '-days', String(days)],
      )
      return { key: await readFile(at(`${name}.key`)), cert: await readFile(at(`${name}.crt`)) }
    },
    async trustIn(database) {
      try {
        await mkdir(database, { recursive: true })
        await run('certutil', ['-d', `sql:${database}`, '-N', '--empty-password'])
        await run('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'steadfast faults', '-i', at('ours.crt')])
        return true
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
        throw error
      }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  }
}

async function openssl(...parameters: readonly string[]): Promise<void> {
  try {
    await run('openssl', parameters)
  } catch (cause) {
    throw new Error('MISSING: openssl, which makes the certificates of the lab; Debian has it in the package openssl', { cause })
  }
}
