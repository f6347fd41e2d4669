/**
 * As much of React as README's hook needs, under the rule of StrictMode: after the first commit every effect is run, cleaned up
 * and run again in one task. Effects run when their dependencies have changed, as React's do.
 */
export interface StrictComponent<Result> {
  readonly result: () => Result
  render(): void
  unmount(): void
}

interface Effect {
  readonly run: () => unknown
  readonly dependencies: readonly unknown[] | undefined
  cleanUp: unknown
}

export function strictReact() {
  let slots: unknown[] = []
  let next = 0
  let due: Effect[] = []
  let render = () => {}

  function slot<Value>(make: () => Value): { readonly index: number; readonly value: Value } {
    const index = next++
    if (index >= slots.length) slots.push(make())
    return { index, value: slots[index] as Value }
  }

  function useEffect(run: () => unknown, dependencies?: readonly unknown[]): void {
    const { index, value: previous } = slot<Effect | null>(() => null)
    const isSame = previous?.dependencies && dependencies?.every((each, at) => Object.is(each, previous.dependencies?.[at]))
    if (isSame) return
    cleanUp(previous)
    const effect: Effect = { run, dependencies, cleanUp: undefined }
    slots[index] = effect
    due.push(effect)
  }

  function useState<Value>(initial: Value): [Value, (value: Value) => void] {
    const { index, value } = slot(() => initial)
    const set = (changed: Value) => {
      if (Object.is(slots[index], changed)) return
      slots[index] = changed
      queueMicrotask(render)
    }
    return [value, set]
  }

  const useRef = <Value>(current: Value) => slot(() => ({ current })).value
  const useCallback = <Run>(run: Run) => slot(() => run).value

  function mount<Result>(useHook: () => Result): StrictComponent<Result> {
    let result: Result
    let isMounted = true
    slots = []
    const commit = (): Effect[] => {
      next = 0
      due = []
      result = useHook()
      for (const effect of due) effect.cleanUp = effect.run()
      return due
    }
    render = () => void (isMounted && commit())
    const effects = commit()
    for (const effect of effects) cleanUp(effect)
    for (const effect of effects) effect.cleanUp = effect.run()
    return {
      result: () => result,
      render,
      unmount() {
        isMounted = false
        for (const each of slots) cleanUp(each)
      },
    }
  }

  return { hooks: { useEffect, useState, useRef, useCallback }, mount }
}

function cleanUp(slot: unknown): void {
  const effect = slot as Partial<Effect> | null
  if (typeof effect?.cleanUp === 'function') effect.cleanUp()
}

/** The types of the above, for the compiler that reads the snippet. */
export const reactTypes = `
declare module 'react' {
  export function useEffect(run: () => void | (() => void), dependencies?: readonly unknown[]): void
  export function useState<Value>(initial: Value): [Value, (value: Value) => void]
  export function useRef<Value>(current: Value): { current: Value }
  export function useSyncExternalStore<Value>(subscribe: (changed: () => void) => () => void, get: () => Value, getOnServer: () => Value): Value
  export function useCallback<Run>(run: Run, dependencies: readonly unknown[]): Run
}
`
