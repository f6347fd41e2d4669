import { dispose } from '../util/disposing.ts'

/** `Symbol.dispose` and `Disposable` if TypeScript's `lib` has them, so that the types also compile without. */
type DisposeSymbol = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never
type WhereDisposable = { readonly [Key in DisposeSymbol]: () => void }

/** Lets `using server = createFakeServer()` close the server at the end of the block. */
export const DisposingAtOnce = class {
  [dispose](): void {
    const closing = this as unknown as { close(): unknown }
    closing.close()
  }
} as unknown as new () => WhereDisposable
