/** Replaces lone surrogates, which have no UTF-8, so that single messages and batches agree however each is encoded (rule 17). */
export function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text
}
