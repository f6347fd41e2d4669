import { readdirSync, readFileSync } from 'node:fs'

/** A fenced block of a page. The second word of its info string is its name, which Markdown does not show. */
export interface Snippet {
  readonly name: string
  readonly language: string
  readonly code: string
}

/** Written apart: in tests with a DOM, Vite takes `new URL(…, import.meta.url)` for an asset. */
const here = import.meta.url

/** The text of each page whose snippets and tables are tested, by path: README.md, the guides and the reference. */
export const pages: ReadonlyMap<string, string> = new Map(
  ['README.md', ...pagesIn('docs/guide'), ...pagesIn('docs/reference')].map((path) => [path, read(path)]),
)

/** All pages as one text: names of snippets and first headers of tables are unique over all pages. */
export const documentation = [...pages.values()].join('\n\n')

/** The snippet with this name, on any page. */
export function snippetNamed(name: string): Snippet {
  const found = snippetsOf(documentation).get(name)
  if (!found) throw new Error(`no page has a snippet ${name}`)
  return found
}

/** The paths of the Markdown files of a folder. */
export function pagesIn(folder: string): readonly string[] {
  const names = readdirSync(new URL(`../../${folder}`, here)).filter((name) => name.endsWith('.md'))
  return names.sort().map((name) => `${folder}/${name}`)
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, here), 'utf8')
}

/** All fenced blocks. Throws for a block without a name, and for a name that is used twice. */
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

/** The rows of the one table with this first header, as cells by header; all without backticks. */
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
