export const element = (id) => document.getElementById(id)

/** Sets a text if it has changed, to avoid needless layouts. */
export function show(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text
}

export function make(tag, className, text = '') {
  return Object.assign(document.createElement(tag), { className, textContent: text })
}

/** Whether the visitor has asked for less motion. */
export const still = matchMedia('(prefers-reduced-motion: reduce)')

export const seconds = (ms) => (ms < 995 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

export function minutes(ms) {
  const total = Math.floor(ms / 1000)
  return total < 60 ? `${total} s` : `${Math.floor(total / 60)} min ${String(total % 60).padStart(2, '0')} s`
}
