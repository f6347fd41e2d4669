import MagicString from 'magic-string'
import ts from 'typescript'

/**
 * A rollup plugin, before `stripTypes({ assignsFields: true })`: `#private` members become ordinary ones named `$$private`, which a
 * class of an app that extends one of ours has not by chance. An app that is
 * built for ES2020 would get a WeakMap for each otherwise, which costs time at every access and bytes; this way both pay the same.
 * @returns {import('rollup').Plugin}
 */
export function plainPrivates() {
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
          text.overwrite(node.getStart(source), node.getEnd(), node.text.replace('#', '$$$$'))
        } else if (ts.isIdentifier(node) && /^\$\$\w/.test(node.text)) refuse(`${node.text} could be a private member's name`)
        ts.forEachChild(node, visit)
      }
    },
  }
}
