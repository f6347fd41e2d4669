/** Whether a value has to be awaited: any other value is processed in the same task. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}
