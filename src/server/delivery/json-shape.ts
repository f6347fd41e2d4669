const [quote, comma, bracket, backslash, brace] = [34, 44, 91, 92, 123] as const

/** Shorter texts need not be measured: parsing them takes a few milliseconds at most. */
export const shortLength = 65_536

/** The size of a JSON text besides its bytes. */
export interface JsonShape {
  /** Its elements and members, at least. */
  readonly values: number
  /** Its arrays and objects. */
  readonly containers: number
}

/**
 * Counts the values of a JSON text without parsing it, in 2 ns a character: `JSON.parse` takes up to 350 ns a character for
 * nested arrays, in one turn of the event loop. Of invalid JSON it counts something.
 */
export function shapeOf(json: string): JsonShape {
  let [commas, containers] = [0, 0]
  let isInText = false
  for (let at = 0; at < json.length; at += 1) {
    const sign = json.charCodeAt(at)
    if (sign === quote) isInText = !isInText
    else if (isInText) at += sign === backslash ? 1 : 0
    else if (sign === comma) commas += 1
    else if (sign === bracket || sign === brace) containers += 1
  }
  return { values: commas + 1, containers }
}
