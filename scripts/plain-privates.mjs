import { readdirSync, readFileSync } from 'node:fs'
import MagicString from 'magic-string'
import ts from 'typescript'
import { shortNames } from './shrink.mjs'

/**
 * A rollup plugin, before `stripTypes({ assignsFields: true })`: `#private` members become ordinary ones with the prefix `$$`,
 * which a subclass in an app does not use by chance. Otherwise a build of an app for ES2020 would get a WeakMap for each
 * member, which costs bytes, and time at every access.
 *
 * The names are short, since the minifier of an app does not shorten properties: that saves 2 % of what an app loads.
 * @param {string} sources the folder of all sources, in which each name has one short form
 * @returns {import('rollup').Plugin}
 */
export function plainPrivates(sources) {
  const shortened = shortenedPrivates(sources)
  return {
    name: 'plain-privates',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null
      const text = new MagicString(code)
      const source = ts.createSourceFile(id, code, ts.ScriptTarget.Latest, true)
      const refuse = (what) => this.error(`${id}: ${what}`)
      visit(source)
      return { code: text.toString(), map: text.generateMap({ hires: 'boundary' }) }

      function visit(node) {
        if (ts.isPrivateIdentifier(node)) {
          if (ts.isBinaryExpression(node.parent)) refuse(`\`${node.text} in …\` has no ordinary form`)
          text.overwrite(node.getStart(source), node.getEnd(), shortened.get(node.text))
        } else if (ts.isIdentifier(node) && /^\$\$\w/.test(node.text)) refuse(`${node.text} could be a private member's name`)
        ts.forEachChild(node, visit)
      }
    },
  }
}

/** The short form of each `#private` name: the shortest for the most used, else by alphabet, for reproducible builds. */
function shortenedPrivates(sources) {
  const uses = new Map()
  for (const file of readdirSync(sources, { recursive: true }).filter((name) => name.endsWith('.ts'))) {
    for (const [name] of readFileSync(`${sources}/${file}`, 'utf8').matchAll(/#[\w$]+/g))
      uses.set(name, (uses.get(name) ?? 0) + 1)
  }
  const byUse = [...uses].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const short = shortNames('$$', new Set())
  return new Map(byUse.map(([name]) => [name, short.next().value]))
}
