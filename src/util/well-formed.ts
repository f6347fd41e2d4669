/** `isWellFormed` is in engines since 2023, and takes no time for a text that V8 keeps with one byte per character. */
type Checked = string & { isWellFormed?(): boolean }

/** Replaces lone surrogates, which have no UTF-8, so that single messages and batches agree however each is encoded (rule 17). */
export function wellFormed(text: string): string {
  return (text as Checked).isWellFormed?.() ? text : text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** Whether it has no lone surrogates. A store would keep them as U+FFFD: two names that differ in them alone would be one. */
export function isWellFormed(text: string): boolean {
  return wellFormed(text) === text
}
