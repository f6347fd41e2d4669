import { readFileSync } from 'node:fs'

/** A fenced block of README.md. The second word of its info string is its name, which Markdown does not show. */
export interface Snippet {
  readonly name: string
  readonly language: string
  readonly code: string
}

export const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** All fenced blocks. Throws for one that has no name, or the name of another. */
export function snippetsOf(markdown: string): ReadonlyMap<string, Snippet> {
  const snippets = new Map<string, Snippet>()
  for (const [, info = '', code = ''] of markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)) {
    const [language = '', name = '', ...rest] = info.split(' ')
    if (name === '' || rest.length) throw new Error(`\`\`\`${info}: a snippet has a language and a name`)
    if (snippets.has(name)) throw new Error(`two snippets are named ${name}`)
    snippets.set(name, { name, language, code })
  }
  return snippets
}

/** The rows of the one table whose first header is this, as cells by header; all without their code marks. */
export function tableOf(markdown: string, firstHeader: string): readonly Readonly<Record<string, string>>[] {
  const blocks = markdown.split(/\n{2,}/).filter((block) => block.startsWith('|'))
  const tables = blocks.map((block) => block.trim().split('\n').map(cellsOf)).filter(([headers]) => headers?.[0] === firstHeader)
  const [[headers = [], , ...rows] = []] = tables
  if (tables.length !== 1) throw new Error(`there are ${tables.length} tables that begin with "${firstHeader}"`)
  return rows.map((cells) => Object.fromEntries(headers.map((header, index) => [header, cells[index] ?? ''])))
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.replaceAll('`', '').trim())
}
