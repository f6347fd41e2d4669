/** What the option `connection` takes: `shared()` of `steadfast/shared`. */
export interface SharedConnection {
  readonly name: 'shared'
}
