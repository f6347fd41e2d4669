import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(import.meta.dirname, '../..')

/** The named functions of `src` on the call stack, outermost first, as `src/client/client.ts RealtimeClient.send`. */
export function recordedPath(): string[] {
  const { stackTraceLimit, prepareStackTrace } = Error
  const holder: { stack?: unknown } = {}
  Error.stackTraceLimit = 200
  Error.prepareStackTrace = (_, sites) => sites.map(functionOf)
  try {
    Error.captureStackTrace(holder, recordedPath)
    // The stack is formatted when it is read, so read it before the settings are restored.
    const functions = holder.stack as (string | null)[]
    return functions.filter((each) => each !== null).reverse()
  } finally {
    Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  }
}

function functionOf(site: NodeJS.CallSite): string | null {
  const url = site.getFileName() ?? ''
  const file = relative(root, url.startsWith('file:') ? fileURLToPath(url) : url).replaceAll('\\', '/')
  const name = site.getFunctionName()
  if (!file.startsWith('src/') || !name) return null
  const owner = site.getTypeName()
  const isMethod = owner !== null && !['Object', 'Function'].includes(owner) && !name.includes('.')
  return `${file} ${isMethod ? `${owner}.` : ''}${name}`
}
