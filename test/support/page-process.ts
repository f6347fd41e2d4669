import { readdirSync, readFileSync } from 'node:fs'
import type { EnginePage } from './engines.ts'

interface Process {
  readonly id: number
  readonly parent: number
  /** CPU time, in ticks of the system. */
  readonly ticks: number
}

/** The process of a page: among the renderer processes started by this one, the one that is busy while the page is. */
export async function processOf(page: EnginePage): Promise<number> {
  const before = new Map(pageProcesses().map(({ id, ticks }) => [id, ticks]))
  await page.evaluate(() => {
    for (const until = performance.now() + 500; performance.now() < until; );
  })
  const [busiest] = pageProcesses()
    .map(({ id, ticks }) => ({ id, spent: ticks - (before.get(id) ?? ticks) }))
    .toSorted((one, other) => other.spent - one.spent)
  if (!busiest?.spent) throw new RangeError('No process was busy while the page was.')
  return busiest.id
}

function pageProcesses(): readonly Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processOfId(Number(name)) : []))
  const isOurs = (id: number): boolean => id === process.pid || all.some((each) => each.id === id && isOurs(each.parent))
  return all.filter(({ id, parent }) => isOurs(parent) && runsPages(id))
}

function processOfId(id: number): Process | [] {
  const fields = read(`/proc/${id}/stat`).split(') ').at(-1)?.split(' ').map(Number) ?? []
  const [, parent = 0] = fields
  return parent ? { id, parent, ticks: fields[11] ?? 0 } : []
}

/** Whether it is a renderer process of Chromium or Firefox, by its command line. */
function runsPages(id: number): boolean {
  return /--type=renderer|-isForBrowser|-contentproc/.test(read(`/proc/${id}/cmdline`))
}

/** The text of a file; empty if the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
