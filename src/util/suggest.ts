/** Returns the message for an unknown option: the known name that resembles it, and all known names. */
export function unknownOption(name: string, known: readonly string[], prefix = ''): string {
  const similar = known.find((each) => isSimilar(name.toLowerCase(), each.toLowerCase()))
  const verb = known.length > 1 ? 'are' : 'is'
  return `unknown option '${prefix}${name.slice(0, 99)}'; ${similar ? `did you mean '${prefix}${similar}'? There` : 'there'} ${verb} ${known.join(', ')}`
}

/** Whether one name contains the other, or they differ in at most a third of the letters, and at most three. */
function isSimilar(name: string, known: string): boolean {
  const [short, long] = name.length < known.length ? [name, known] : [known, name]
  return (short.length > 2 && long.includes(short)) || distance(name, known) <= Math.min(3, Math.floor(long.length / 3))
}

/** The Levenshtein distance. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
