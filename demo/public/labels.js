/**
 * The labels of failed attempts in a lane of the timeline, and their positions: in the first of two rows that has room. Newer
 * labels take precedence over older ones. A cause with a question mark is not certain.
 */
export function causeLabels(ended, { x, width }, widthOf) {
  const free = [width, width]
  return runsOf(ended)
    .reverse()
    .flatMap(({ cause, certainty, endedAt, count }) => {
      const text = `${cause}${certainty === 'certain' ? '' : '?'}${count > 1 ? ` ×${count}` : ''}`
      const needed = widthOf(text)
      const wanted = Math.max(x(endedAt) + needed / 2, needed + 2)
      const row = free.findIndex((edge) => edge > needed && edge > x(endedAt) - 6)
      if (row < 0) return []
      const right = Math.min(wanted, free[row])
      free[row] = right - needed - 8
      return [{ text, right, row }]
    })
}

/** Merges neighbours with the same cause into one, at the position of the newest. */
function runsOf(ended) {
  const runs = []
  for (const { wasSilent, cause = wasSilent && 'silent', certainty = 'certain', endedAt } of ended) {
    if (!cause) continue
    const before = runs.at(-1)
    const isSame = before?.cause === cause && before.certainty === certainty
    if (isSame) runs.pop()
    runs.push({ cause, certainty, endedAt, count: isSame ? before.count + 1 : 1 })
  }
  return runs
}
