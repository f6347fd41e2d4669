/** Why the demo cannot start, for whoever started it: it is printed without a stack. */
export class CannotStart extends Error {}

const known = ['--open', '--redis']

/** The demo's parameters. What is unknown is refused, or `--reddis` would start the demo without Redis. */
export function parseParameters(parameters) {
  const unknown = parameters.find((each) => !known.includes(each))
  if (unknown !== undefined) throw new CannotStart(`The demo has no parameter ${unknown}. It takes ${known.join(' and ')}.`)
  return { mayOpen: parameters.includes('--open'), hasRedis: parameters.includes('--redis') }
}
