/** Whether a value has to be awaited: any other value is processed in the same task. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** Resolved promises for results that need not be awaited, since a new one for each would cost more than the work. */
export const yes = Promise.resolve(true)
export const no = Promise.resolve(false)

/** Runs an operation; its promise, rejected if it throws. */
export function started<Result>(run: () => PromiseLike<Result>): Promise<Result> {
  try {
    return Promise.resolve(run())
  } catch (error) {
    return Promise.reject(error)
  }
}
