import type { Result } from './lab.ts'
import { markOf, scoresOf } from './score.ts'

/** A line per result, and the counts below. `=` exact, `~` the right family or among the candidates, `!` wrong. */
export function tableOf(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const { deployment, fault, mode, engine, expected, told } = result
    const { isExact, isWrong, isParent } = markOf(result)
    const candidates = told?.candidates ? ` {${told.candidates.join(' ')}}` : ''
    const mark = isExact ? '=' : isWrong && !isParent ? '!' : '~'
    return [mark, deployment, fault, mode, engine, expected, told ? told.cause + candidates : '(nothing)', told?.certainty ?? '']
  })
  return [...aligned(rows), '', ...countsOf(results)].join('\n')
}

export function countsOf(results: readonly Result[]): readonly string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const head = ['deployment', 'engine', 'mode', 'faults', 'parent exact', 'fine exact', 'right', 'wrong', 'certain but wrong']
  const rows = scoresOf(results).map(({ deployment, engine, mode, faults, parent, exact, right, wrong, certainWrong }) => [
    ...[deployment, engine, mode, String(faults)],
    ...[parent, exact, right, wrong].map(percent),
    String(certainWrong),
  ])
  return aligned([head, ...rows])
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
