/** An error for the user who starts the demo, printed without a stack. */
export class CannotStart extends Error {}

const known = ['--open', '--redis']

/** Parses the demo's parameters. Unknown ones are refused: otherwise `--reddis` would start the demo without Redis. */
export function parseParameters(parameters) {
  const unknown = parameters.find((each) => !known.includes(each))
  if (unknown !== undefined) throw new CannotStart(`The demo has no parameter ${unknown}. It takes ${known.join(' and ')}.`)
  return { mayOpen: parameters.includes('--open'), hasRedis: parameters.includes('--redis') }
}
