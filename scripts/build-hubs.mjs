// Builds the Go servers of the tests with the `go` of this machine, into a folder that `npm ci` empties and git ignores. Does
// nothing if they are there already.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** STEADFAST_HUBS selects another folder, which fills Go's own cache, so that later builds here take seconds. */
const cache = process.env.STEADFAST_HUBS ?? fileURLToPath(new URL('../node_modules/.cache', import.meta.url))
const mercureModule = fileURLToPath(new URL('../test/support/mercure', import.meta.url))
const centrifugoVersion = '6.9.1'

/** The Mercure hub; the version of its library is in go.mod. */
export const mercureHub = `${cache}/mercure-0.21.0/hub`
export const centrifugoServer = `${cache}/centrifugo-${centrifugoVersion}/centrifugo`

/** The PATH with the folder in which go.dev's archive is usually unpacked. */
const path = `${process.env.PATH}:/usr/local/go/bin`

export function buildHubs() {
  built(mercureHub, (folder) => go(['build', '-o', `${folder}/hub`, '.'], mercureModule))
  const version = `github.com/centrifugal/centrifugo/v6@v${centrifugoVersion}`
  built(centrifugoServer, (folder) => go(['install', version], cache, { GOBIN: folder }))
}

function built(file, build) {
  if (existsSync(file)) return
  const folder = dirname(file)
  mkdirSync(cache, { recursive: true })
  build(`${folder}.part`)
  renameSync(`${folder}.part`, folder)
}

function go(args, cwd, env = {}) {
  // Without debug tables: half the size and less link time.
  const flags = { GOFLAGS: '-buildvcs=false -ldflags=-s', ...env }
  execFileSync('go', args, { cwd, stdio: 'inherit', env: { ...process.env, PATH: path, ...flags } })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildHubs()
