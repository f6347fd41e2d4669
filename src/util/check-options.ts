import { bytesOf } from './bytes-of.ts'
import { unknownOption } from './suggest.ts'

/** @throws TypeError if the options are not an object, such as the subprotocols that `WebSocket` takes in their place */
export function checkOptions(options: unknown): void {
  if (typeof options === 'object' && options && !Array.isArray(options)) return
  const list = [options].flat().map(shown).join(', ')
  const isSubprotocol = [options].flat().every((each) => typeof each === 'string')
  const instead = isSubprotocol
    ? `; subprotocols go with their transport: { transports: [{ type: 'websocket', subprotocols: [${list}] }] }`
    : ''
  throw new TypeError(`RealtimeClient: the second argument must be an object of options; it was ${shown(options)}${instead}.`)
}

/** @throws TypeError for more than one argument, such as an event name before the data, as in Socket.IO */
export function refuseMore(data: unknown, more: readonly unknown[]): void {
  if (!more.some((each) => each !== undefined)) return
  const instead =
    typeof more.at(-1) === 'function'
      ? 'nothing is called back; await flushed() instead'
      : `put all of it into one, such as send({ type: ${shown(data)}, data: … }) with { codec: json() } among the options`
  throw new TypeError(`RealtimeClient: send() takes one message; ${instead}.`)
}

/** @throws TypeError for a code or a reason that `WebSocket.close()` rejects as well, or the code that the protocol hangs up with */
export function checkClose(code: number | undefined, reason: string, hangUpCode: number | undefined): void {
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999))
    throw new TypeError(`RealtimeClient: the close code must be 1000 or 3000 to 4999; it was ${code}.`)
  if (code && code === hangUpCode) throw new TypeError(`RealtimeClient: the close code ${code} is reserved by the protocol.`)
  const bytes = typeof reason === 'string' ? bytesOf(reason) : fail('the close reason', reason, 'a string')
  if (bytes > 123) throw new TypeError(`RealtimeClient: the close reason must have at most 123 bytes; it has ${bytes}.`)
}

/** @throws TypeError that names the unknown option and the one that is probably meant */
export function failUnknown(prefix: string, name: string, value: unknown, known: readonly string[]): never {
  throw new TypeError(`RealtimeClient: ${unknownOption(name, known, prefix)}; it was ${shown(value)}${insteadOf(name, value)}.`)
}

/** @throws TypeError for a member with an unknown name */
export function mustHaveOnly(prefix: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) if (!known.includes(name)) failUnknown(prefix, name, value, known)
}

/** @throws TypeError if the options of a method are not an object, or contain an unknown name */
export function mustBeOptions(method: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || !options) fail(`the options of ${method}`, options, `an object of ${known.join(' and ')}`)
  mustHaveOnly(`${method}.`, options, known)
}

/** @throws TypeError that names the option, its value, the allowed values and, if possible, what to write instead */
export function fail(name: string, value: unknown, allowed: string): never {
  throw new TypeError(`RealtimeClient: ${name} must be ${allowed}; it was ${shown(value)}${insteadOf(name, value)}.`)
}

function insteadOf(name: string, value: unknown): string {
  if (name === 'heartbeat' && value === true)
    return ": write heartbeat: { message: 'ping', reply: 'pong' }, or {} to judge silence alone"
  if (name === 'heartbeat' && value === false) return ': leave it out, since without it there is none'
  if (name === 'heartbeat' && typeof value !== 'object')
    return `: write heartbeat: { ${typeof value === 'number' ? 'intervalMs' : 'message'}: ${shown(value)} }`
  if (name === 'withCredentials') return ": write credentials: 'include'"
  if (/^(codec|connection|protocol)$/.test(name) && typeof value === 'function')
    return `: call it, as ${name}: ${value.name || name}()`
  if (name === 'signal' && value instanceof AbortController) return ": give the controller's signal"
  return ''
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 99)}'`
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`
  try {
    return String(typeof value === 'object' ? JSON.stringify(value) : value).slice(0, 99)
  } catch {
    return Object.prototype.toString.call(value)
  }
}

/** Returns the numeric options of a group, with defaults; `others` are the group's options that are not numbers. */
export function numbers<Group extends Readonly<Record<string, number>>>(
  prefix: string,
  given: object = {},
  defaults: Group,
  others: readonly string[],
): Group {
  const values: Readonly<Record<string, unknown>> = { ...given }
  mustHaveOnly(prefix, values, [...Object.keys(defaults), ...others])
  const entries = Object.entries(defaults).map(([name, fallback]) => {
    const value = values[name] ?? fallback
    const least = leasts[name] ?? 0
    return [
      name,
      typeof value === 'number' && value >= least
        ? value
        : fail(prefix + name, value, least ? `a number from ${least} up` : 'a number that is not negative'),
    ]
  })
  return Object.fromEntries(entries)
}

/** The least values: below them a client would loop. */
const leasts: Readonly<Record<string, number>> = { factor: 1, intervalMs: 1, maxMessages: 1 }

export function oneOf<Value extends string>(name: string, value: unknown, allowed: readonly Value[]): Value {
  return allowed.find((each) => each === value) ?? fail(name, value, `one of ${allowed.join(', ')}`)
}
