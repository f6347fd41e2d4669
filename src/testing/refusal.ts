import { transportNames } from '../transports/names.ts'
import type { Refusal } from './contracts.ts'

/** @throws TypeError for an invalid refusal */
export function checkRefusal(refusal: Refusal): void {
  const { status, code }: { readonly status?: unknown; readonly code?: unknown } = refusal ?? {}
  const isStatus = Number.isInteger(status) && Number(status) >= 300 && Number(status) < 600
  const isCode = Number.isInteger(code) && Number(code) >= 1000 && Number(code) < 5000
  if (isStatus !== isCode) return
  throw new TypeError(
    `FakeServer: a refusal has a \`status\` from 300 to 599 or a \`code\` from 1000 to 4999, not ${JSON.stringify(refusal)}.`,
  )
}

/** @throws TypeError for an invalid list of transports */
export function checkTransports(transports: unknown): void {
  const isKnown = (name: unknown) => transportNames.some((each) => each === name)
  if (transports === undefined || (Array.isArray(transports) && transports.length > 0 && transports.every(isKnown))) return
  throw new TypeError(
    `FakeServer: transports must be a list of ${transportNames.join(', ')}; it was ${JSON.stringify(transports)}.`,
  )
}
