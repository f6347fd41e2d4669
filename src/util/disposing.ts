/** `Symbol.dispose`, if TypeScript's libraries declare it. */
type DisposeSymbol = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never

/** `Disposable` if TypeScript's libraries declare it, so that the types also compile without. */
type WhereDisposable = { readonly [Key in DisposeSymbol]: () => void }

/** `Symbol.dispose` if the platform has it; otherwise the symbol that compilers use as a polyfill. */
export const dispose = (Symbol as { readonly dispose?: symbol }).dispose ?? Symbol.for('Symbol.dispose')

/** `using client = new RealtimeClient(…)` closes the client at the end of the block. */
export const Disposing = class {
  [dispose](): void {
    const client = this as unknown as { close(): Promise<unknown> }
    client.close().catch(() => {})
  }
} as unknown as new () => WhereDisposable
