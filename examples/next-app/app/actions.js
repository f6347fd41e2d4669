'use server'

export async function post(form) {
  const text = String(form.get('text')).trim().slice(0, 500)
  if (text) await globalThis.board.post(text)
}
