import { faultOfTime } from '../server/util/option-checks.ts'
import { kindOf } from '../server/util/payload.ts'
import { quoted } from '../util/quoted.ts'
import { unknownOption } from '../util/suggest.ts'

/** The checks of one function's options; each error is a TypeError that names the option, its value, and the allowed values. */
export class OptionChecks {
  readonly #function: string
  readonly #values: ReadonlyMap<string, unknown>

  constructor(name: string, options: unknown, known: readonly string[]) {
    this.#function = name
    if (typeof options !== 'object' || options === null) this.#fail('the argument', options, 'an object of options')
    this.#values = new Map(Object.entries(options as object))
    for (const option of this.#values.keys())
      if (!known.includes(option)) throw new TypeError(`${name}: ${unknownOption(option, known)}.`)
  }

  /** A string without spaces: the id of a client or a group. */
  id(option: string): string {
    const value = this.#values.get(option)
    return typeof value === 'string' && /^\S+$/.test(value) ? value : this.#fail(option, value, 'a string without spaces')
  }

  /** A list of at least one non-empty string. */
  texts(option: string): readonly string[] {
    const value = this.#values.get(option)
    const isList = Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string' && each !== '')
    return isList ? value : this.#fail(option, value, 'a list of at least one string')
  }

  /** A valid name of a Kafka topic. */
  kafkaTopic(option: string): string {
    const value = this.#values.get(option)
    if (typeof value === 'string' && /^[\w.-]{1,249}$/.test(value) && !/^\.\.?$/.test(value)) return value
    return this.#fail(option, value, 'the name of a Kafka topic: 1 to 249 letters, digits, dots, - and _')
  }

  time(option: string, fallback: number, least = 1): number {
    const value = this.#values.get(option) ?? fallback
    const fault = typeof value === 'number' ? faultOfTime(value, 'nothing would ever be given up') : 'a number of milliseconds'
    if (fault !== null) return this.#fail(option, value, fault)
    return (value as number) >= least ? (value as number) : this.#fail(option, value, `${least.toLocaleString('en')} or more`)
  }

  count(option: string, fallback: number, least = 1): number {
    const value = this.#values.get(option) ?? fallback
    return Number.isSafeInteger(value) && (value as number) >= least
      ? (value as number)
      : this.#fail(option, value, `an integer from ${least} up`)
  }

  oneOf<Value extends string>(option: string, allowed: readonly [Value, ...Value[]]): Value {
    const value = this.#values.get(option) ?? allowed[0]
    return allowed.find((each) => each === value) ?? this.#fail(option, value, allowed.map((each) => `'${each}'`).join(' or '))
  }

  /** @throws TypeError if it is present and not a function */
  functionOr(option: string, isOptional: boolean): void {
    const value = this.#values.get(option)
    if (typeof value !== 'function' && !(isOptional && value === undefined)) this.#fail(option, value, 'a function')
  }

  /** @throws TypeError if the object lacks one of the methods */
  port(option: string, methods: readonly string[], hint: string): void {
    const value = this.#values.get(option)
    if (typeof value !== 'object' || value === null) this.#fail(option, value, hint)
    const missing = methods.find((method) => typeof Reflect.get(value as object, method) !== 'function')
    if (missing !== undefined) this.#fail(option, value, `${hint}; ${missing}() is missing`)
  }

  #fail(option: string, value: unknown, allowed: string): never {
    const shown = typeof value === 'string' ? quoted(value) : typeof value === 'number' ? String(value) : kindOf(value)
    throw new TypeError(`${this.#function}: ${option} must be ${allowed}; it was ${shown}.`)
  }
}
