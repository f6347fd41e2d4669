/** The build that is measured: `dist`, or the folder that `STEADFAST` names. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const { STEADFAST } = process.env
const folder = STEADFAST ? pathToFileURL(`${resolve(STEADFAST)}/`) : new URL('../../dist/', import.meta.url)

/**
 * @param {string} name
 * @returns {string} its URL
 */
export function built(name) {
  const url = new URL(name, folder)
  if (!existsSync(url)) throw new Error(`${name} is not there: run 'npm run build' in the folder above first.`)
  return url.href
}
