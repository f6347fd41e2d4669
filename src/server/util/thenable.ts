/** Whether it has to be waited for: what is at hand is gone on with in the same task. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}
