import { parseArgs } from 'node:util'
import { unknownOption } from '../util/suggest.ts'
import { type CommandOption, commandLineOnly, commandOptions, shortOptions } from './options.ts'

/** The given options by key: a string, a number, `true`, or a list of strings; `limits` may be an object. */
export type GivenOptions = ReadonlyMap<string, unknown>

/** A mistake in the command line or the configuration file. */
export class UsageError extends Error {}

/** Reads the arguments after `steadfast gateway`. @throws UsageError that names the option, and says what is allowed */
export function readArguments(words: readonly string[]): GivenOptions {
  const kinds = Object.fromEntries(
    commandOptions.map(({ name, kind }) => [
      name,
      { type: kind === 'flag' ? ('boolean' as const) : ('string' as const), multiple: true },
    ]),
  )
  const { tokens } = parseArgs({ args: [...words], options: kinds, strict: false, tokens: true })
  const given = new Map<string, unknown>()
  for (const token of tokens) {
    if (token.kind === 'positional')
      throw new UsageError(`'${token.value}' is not an option: options begin with --, such as --target ws://127.0.0.1:9000`)
    if (token.kind !== 'option') continue
    const isShort = !token.rawName.startsWith('--')
    const long = isShort ? shortOptions[token.name] : token.name
    const option = commandOptions.find(({ name }) => name === long)
    if (!option) throw new UsageError(unknownOf(token.name))
    if (option.kind === 'flag') {
      if (token.value !== undefined) throw new UsageError(`--${option.name} takes no value`)
      given.set(option.key, true)
    } else {
      // In `--target --log` the value of the first is missing.
      const isMissing = token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))
      if (isMissing) throw new UsageError(`--${option.name} needs a value: ${option.value}`)
      if (option.kind === 'texts')
        given.set(option.key, [...((given.get(option.key) as string[] | undefined) ?? []), token.value])
      else if (given.has(option.key)) throw new UsageError(`--${option.name} is given twice`)
      else given.set(option.key, option.kind === 'number' ? numberOf(token.value ?? '', `--${option.name}`) : token.value)
    }
  }
  return given
}

/** Reads the text of a configuration file. @throws UsageError */
export function readConfiguration(text: string, file: string): GivenOptions {
  let json: unknown
  try {
    // Some editors write a byte order mark, which JSON does not have.
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    // The parser's message is left out, since it would show the file's content.
    throw new UsageError(`${file} is not valid JSON`, { cause: error })
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new UsageError(`${file} must hold an object of options`)
  const inFile = commandOptions.filter(({ key }) => !commandLineOnly.includes(key))
  const given = new Map<string, unknown>()
  for (const [key, value] of Object.entries(json)) {
    const option = inFile.find((each) => each.key === key)
    if (!option)
      throw new UsageError(
        `${file}: ${unknownOption(
          key,
          inFile.map((each) => each.key),
        )}`,
      )
    const fault = faultInFile(option, value)
    if (fault !== null) throw new UsageError(`${file}: ${key} must be ${fault}`)
    given.set(key, value)
  }
  return given
}

function faultInFile({ key, kind }: CommandOption, value: unknown): string | null {
  if (key === 'limits')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'an object of numbers'
  if (key === 'listen' || key === 'admin' || key === 'trustProxy') {
    const isScalar =
      typeof value === 'string' || typeof value === 'number' || (key === 'trustProxy' && typeof value === 'boolean')
    return isScalar ? null : 'a string or a number'
  }
  if (kind === 'texts')
    return Array.isArray(value) && value.every((each) => typeof each === 'string') ? null : 'a list of strings'
  if (kind === 'number') return typeof value === 'number' ? null : 'a number'
  if (kind === 'flag') return typeof value === 'boolean' ? null : 'true or false'
  return typeof value === 'string' ? null : 'a string'
}

/** The options of the file, overridden by those of the command line; limits are merged one by one. @throws UsageError */
export function merged(file: GivenOptions, line: GivenOptions): GivenOptions {
  const limits = { ...limitsOf(file.get('limits')), ...limitsOf(line.get('limits')) }
  return new Map([...file, ...line, ['limits', limits]])
}

/** Reads limits: `name=number` on the command line, an object in a configuration file. @throws UsageError */
export function limitsOf(given: unknown): Record<string, number> {
  if (!Array.isArray(given)) return { ...((given ?? {}) as Record<string, number>) }
  return Object.fromEntries(
    given.map((text: string) => {
      const [, name = '', value = ''] = /^(\w+)=(.+)$/.exec(text) ?? []
      if (name === '') throw new UsageError(`--limit needs a name and a number, such as maxSessions=1000; it was '${text}'`)
      return [name, numberOf(value, `--limit ${name}`)]
    }),
  )
}

/** Reads an address to listen on: `8080`, `127.0.0.1:8080`, `[::1]:8080`. @throws UsageError */
export function addressOf(
  given: unknown,
  name: string,
  host?: string,
): { readonly host: string | undefined; readonly port: number } {
  const [, bracketed, plain, port = ''] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(String(given)) ?? []
  if (port === '' || Number(port) > 65_535)
    throw new UsageError(`${name} needs a port, or a host and a port, such as 8080 or 127.0.0.1:8080; it was '${String(given)}'`)
  return { host: bracketed ?? plain ?? host, port: Number(port) }
}

function numberOf(text: string, name: string): number {
  if (text === 'Infinity') return Infinity
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  throw new UsageError(`${name} needs a number; it was '${text}'`)
}

function unknownOf(name: string): string {
  return unknownOption(
    name,
    commandOptions.map((each) => each.name),
    '--',
  )
}
