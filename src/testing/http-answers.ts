import type { DialAnswer, Refusal } from './contracts.ts'
import { responseOf, textBody } from './fake-response.ts'

/** The statuses with which a session's server answers for its close codes (docs/PROTOCOL.md, rule 9). */
const sessionStatuses: readonly number[] = [400, 401, 403, 409, 410, 413, 429, 500, 503]

/** The response to a request that is not accepted. */
export function refused(answer: Exclude<DialAnswer, 'accept'>, isSession = false): Promise<Response> {
  if (answer === 'silence') return new Promise<never>(() => {})
  if (answer === 'unreachable') return Promise.reject(broken())
  if ('code' in answer && isSession) return Promise.resolve(marked(statusOf(answer.code, sessionStatuses, 410), answer))
  const headers = { 'content-type': 'text/plain', ...retryAfter(answer) }
  if ('code' in answer) return Promise.resolve(responseOf(statusOf(answer.code), headers, textBody(answer.reason ?? '')))
  const { status, contentType = 'text/plain', body = '' } = answer
  return Promise.resolve(responseOf(status, { ...headers, 'content-type': contentType }, textBody(body)))
}

/** A response of a session's server. */
export function marked(status: number, content: object): Response {
  const type = status === 200 ? 'application/json' : 'application/problem+json'
  return responseOf(status, { 'content-type': type }, textBody(JSON.stringify({ steadfast: 'v1', ...content })))
}

/** The error of a browser for every request that breaks. */
export function broken(): TypeError {
  return new TypeError('Failed to fetch')
}

/** The error of a browser for a request that the client has aborted. */
export function aborted(): DOMException {
  return new DOMException('The request was aborted.', 'AbortError')
}

/** 4401 becomes 401, 4503 becomes 503; any other code becomes `other`. */
function statusOf(code: number, among: readonly number[] | null = null, other = 403): number {
  const status = code - 4000
  const isStatus = among ? among.includes(status) : status >= 400 && status < 600
  return isStatus ? status : other
}

function retryAfter({ retryAfterMs }: Refusal): Record<string, string> {
  return retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }
}
