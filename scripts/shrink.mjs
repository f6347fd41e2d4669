import { transform } from 'esbuild'
import MagicString from 'magic-string'
import { minify } from 'terser'
import { internalNames } from './internal-names.mjs'
import { propertyNames, walk } from './syntax.mjs'

/**
 * Rollup plugins that make the script files small, so that the sources can stay readable.
 * @param {() => string[]} publicTypes gives the text of the public declarations
 * @returns {import('rollup').Plugin[]}
 */
export function shrink(publicTypes) {
  return [shortenNames(publicTypes), loosenConstants(), lower(), compress()]
}

/**
 * Gives short names to `#private` members and to internal properties of the sources. ES2020 has no private names, and the exact
 * substitute, a WeakMap for each, costs more bytes than everything else here saves, and time at every access: as ordinary names
 * they are private by convention. Code that this would change is rejected.
 */
function shortenNames(publicTypes) {
  return {
    name: 'shorten-names',
    renderChunk(code, chunk) {
      const text = new MagicString(code)
      const ast = this.parse(code)
      refuseWhatCannotBeShortened(ast, (message) => this.error(message))
      const internal = internalNames({ ast, types: publicTypes(), moduleIds: chunk.moduleIds })
      const edits = new Map()
      const taken = new Set()
      const use = (name, edit) => edits.set(name, [...(edits.get(name) ?? []), edit])
      walk(ast, (node) => {
        if (node.type === 'Identifier') taken.add(node.name)
        if (node.type === 'PrivateIdentifier') use(`#${node.name}`, (short) => text.overwrite(node.start, node.end, short))
      })
      for (const { key, isShorthand } of propertyNames(ast)) {
        if (!internal.has(key.name)) continue
        use(key.name, (short) =>
          isShorthand ? text.appendLeft(key.start, `${short}: `) : text.overwrite(key.start, key.end, short),
        )
      }
      // The most used get the shortest names, in alphabetical order if equal, so that builds are reproducible.
      const byUse = [...edits].sort(([a, { length: m }], [b, { length: n }]) => n - m || (a < b ? -1 : 1))
      // Users may extend classes with private members: the prefix avoids collisions with the members of a subclass.
      const names = { private: shortNames('$', taken), internal: shortNames('', taken) }
      for (const [name, group] of byUse) {
        const short = names[name.startsWith('#') ? 'private' : 'internal'].next().value
        for (const edit of group) edit(short)
      }
      return { code: text.toString(), map: text.generateMap({ hires: 'boundary' }) }
    },
  }
}

function refuseWhatCannotBeShortened(ast, refuse) {
  const classes = new Map()
  walk(ast, (node) => {
    if (node.type === 'BinaryExpression' && node.left.type === 'PrivateIdentifier')
      refuse(`\`#${node.left.name} in …\` has no short form`)
    if (node.type === 'ClassDeclaration' && node.id) classes.set(node.id.name, node)
  })
  // As ordinary names, equal private names of a class and its parent would collide.
  for (const [name, node] of classes) {
    const own = privatesOf(node)
    for (let parent = classes.get(node.superClass?.name); parent; parent = classes.get(parent.superClass?.name)) {
      const shared = privatesOf(parent).find((each) => own.includes(each))
      if (shared) refuse(`${name} and its parent ${parent.id.name} both have a private #${shared}: rename one`)
    }
  }
}

function privatesOf({ body }) {
  return body.body.filter(({ key }) => key?.type === 'PrivateIdentifier').map(({ key }) => key.name)
}

/** `e`, `t`, …, `ee`, `et`, … after a prefix, without taken names: letters that are frequent in the code first, for gzip. */
export function* shortNames(sign, taken) {
  const letters = 'etnrsiaoluhdcfpgymbvwkxjqzMACTOSBEPLRUNJHDWFIGKQVXYZ'
  for (const first of ['', ...letters]) {
    for (const last of letters) {
      const name = `${sign}${first}${last}`
      if (!taken.has(name)) yield name
    }
  }
}

/** Replaces `const` by `let`, so that the minifier can join adjacent declarations. */
function loosenConstants() {
  return {
    name: 'loosen-constants',
    renderChunk(code) {
      const text = new MagicString(code)
      walk(this.parse(code), (node) => {
        if (node.type === 'VariableDeclaration' && node.kind === 'const')
          text.overwrite(node.start, node.start + 'const'.length, 'let')
      })
      return { code: text.toString(), map: text.generateMap({ hires: 'boundary' }) }
    },
  }
}

/** Lowers the syntax to ES2020. */
function lower() {
  return {
    name: 'lower',
    renderChunk: (code) =>
      transform(code, {
        // Parsed as TypeScript for one of its settings: class fields are assigned, not defined by a helper.
        loader: 'ts',
        tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
        target: 'es2020',
        sourcemap: 'external',
        sourcefile: 'chunk.js',
        legalComments: 'none',
      }),
  }
}

function compress() {
  return {
    name: 'compress',
    async renderChunk(code) {
      const { code: small, map } = await minify(code, {
        ecma: 2020,
        module: true,
        compress: {
          passes: 3,
          pure_getters: true,
          keep_fargs: false,
          inline: 1,
          lhs_constants: false,
          unsafe_arrows: true,
          unsafe_methods: true,
          top_retain: ['Steadfast'],
        },
        mangle: { reserved: ['Steadfast'] },
        format: { comments: false },
        sourceMap: { asObject: true },
      })
      return { code: small, map }
    },
  }
}
