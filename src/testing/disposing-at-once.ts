import { dispose } from '../util/disposing.ts'

/** `Symbol.dispose` and `Disposable` where the compiler's libraries have them, so that the types compile where they have not. */
type DisposeSymbol = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never
type WhereDisposable = { readonly [Key in DisposeSymbol]: () => void }

/** `using server = createFakeServer()` closes it at the end of the block. */
export const DisposingAtOnce = class {
  [dispose](): void {
    const closing = this as unknown as { close(): unknown }
    closing.close()
  }
} as unknown as new () => WhereDisposable
