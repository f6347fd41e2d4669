/** `Symbol.dispose` as the compiler's libraries declare it, where they do. */
type DisposeSymbol = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never

/** `Disposable` where the compiler's libraries have it, so that the types compile where they have not. */
type WhereDisposable = { readonly [Key in DisposeSymbol]: () => void }

/** `Symbol.dispose` where the platform has it; otherwise what compilers put in its place. */
export const dispose = (Symbol as { readonly dispose?: symbol }).dispose ?? Symbol.for('Symbol.dispose')

/** `using client = new RealtimeClient(…)` closes it at the end of the block. */
export const Disposing = class {
  [dispose](): void {
    const client = this as unknown as { close(): Promise<unknown> }
    client.close().catch(() => {})
  }
} as unknown as new () => WhereDisposable
