/** Lone surrogates have no UTF-8: replaced here, they are the same in a single message and in a batch, however each is written (rule 17). */
export function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text
}
