import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { parseAst } from 'rollup/parseAst'
import ts from 'typescript'
import { propertyNames, walk } from './syntax.mjs'

/**
 * The property names that no code outside the sources can know, by exclusion. A name is kept if it is
 * - declared in the public types, in any role;
 * - declared by the language or the browser;
 * - also a string, since `'name' in object` and `object[name]` use strings;
 * - used in, or declared by a type of, a file that parses JSON or defines the wire format, because such names are sent;
 * - capitalized, as header names are;
 * - used only in `host/browser.ts`, whose browser APIs may be newer than the types.
 */
export function internalNames({ ast, types, moduleIds }) {
  const kept = new Set([...types.flatMap(declaredNames), ...platformNames()])
  const sources = moduleIds.filter((id) => id.endsWith('.ts')).map((id) => ({ id, text: readFileSync(id, 'utf8') }))
  const isPort = ({ id }) => id.endsWith('/host/browser.ts')
  const known = new Set(sources.filter((source) => !isPort(source)).flatMap(({ text }) => identifiers(text)))
  for (const source of sources) {
    const names = usedNames(source.text)
    if (isPort(source)) for (const name of names) if (!known.has(name)) kept.add(name)
    if (!source.text.includes('JSON.parse') && !/\/src\/(protocols|wire)\/[^/]*$/.test(source.id)) continue
    for (const name of [...names, ...memberNames(source.text)]) kept.add(name)
  }
  walk(ast, (node) => {
    if (node.type === 'Literal') kept.add(node.value)
    if (node.type === 'TemplateElement') kept.add(node.value.cooked)
  })
  const all = propertyNames(ast).map(({ key }) => key.name)
  return new Set(all.filter((name) => !kept.has(name) && !/^[_A-Z]/.test(name)))
}

/** Every name in declarations; comments and strings do not count. */
function declaredNames(text) {
  const names = []
  collect(ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.Latest))
  return names

  function collect(node) {
    if (ts.isIdentifier(node) || ts.isStringLiteral(node)) names.push(node.text)
    ts.forEachChild(node, collect)
  }
}

/** The members and globals of TypeScript's libraries, without the names of parameters and types. */
function platformNames() {
  const folder = dirname(createRequire(import.meta.url).resolve('typescript'))
  const names = []
  for (const file of readdirSync(folder).filter((name) => /^lib\..*\.d\.ts$/.test(name))) {
    const source = ts.createSourceFile(file, readFileSync(`${folder}/${file}`, 'utf8'), ts.ScriptTarget.Latest)
    collect(source)
  }
  return names

  function collect(node) {
    if (ts.isTypeElement(node) || ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node)) {
      if (node.name && 'text' in node.name) names.push(node.name.text)
    }
    if (ts.isParameter(node)) return
    ts.forEachChild(node, collect)
  }
}

/** The members declared by the types of a file. */
function memberNames(text) {
  const names = []
  collect(ts.createSourceFile('wire.ts', text, ts.ScriptTarget.Latest))
  return names

  function collect(node) {
    if (ts.isTypeElement(node) && node.name && 'text' in node.name) names.push(node.name.text)
    ts.forEachChild(node, collect)
  }
}

function usedNames(text) {
  const { outputText } = ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022 } })
  return propertyNames(parseAst(outputText)).map(({ key }) => key.name)
}

function identifiers(text) {
  return text.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu) ?? []
}
