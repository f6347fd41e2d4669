/** A text as an error shows it: of a long one, which may be a whole file by mistake, only the beginning. */
export function quoted(text: string): string {
  return text.length > 100 ? `'${text.slice(0, 100)}…'` : `'${text}'`
}
