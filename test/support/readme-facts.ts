import { readFileSync } from 'node:fs'
import ts from 'typescript'

export interface Member {
  readonly name: string
  /** The text of its `@defaultValue`, in one line; `''` without one. */
  readonly defaultValue: string
}

/** The members of an interface or a type alias of a source file, those of nested type literals included. */
export function membersOf(path: string, typeName: string): readonly Member[] {
  const source = parse(path)
  const declaration = source.statements.find(
    (each): each is ts.InterfaceDeclaration | ts.TypeAliasDeclaration =>
      (ts.isInterfaceDeclaration(each) || ts.isTypeAliasDeclaration(each)) && each.name.text === typeName,
  )
  if (!declaration) throw new Error(`${path} declares no ${typeName}`)
  const members: Member[] = []
  const visit = (node: ts.Node): void => {
    if ((ts.isPropertySignature(node) || ts.isMethodSignature(node)) && ts.isIdentifier(node.name)) {
      // All text since the previous member, with a trailing comment of that one.
      const comment = source.text.slice(node.pos, node.getStart(source))
      const value = /@defaultValue ([\s\S]*?)\s*(?:\*\/|\n\s*\* @)/.exec(comment)?.[1] ?? ''
      members.push({ name: node.name.text, defaultValue: value.replace(/\s+\*?\s*/g, ' ') })
    }
    ts.forEachChild(node, visit)
  }
  visit(declaration)
  return members
}

/** The public methods of a class. */
export function methodsOf(path: string, className: string): readonly string[] {
  const source = parse(path)
  const declaration = source.statements.filter(ts.isClassDeclaration).find(({ name }) => name?.text === className)
  return (declaration?.members ?? [])
    .filter(ts.isMethodDeclaration)
    .flatMap(({ name }) => (name && ts.isIdentifier(name) ? [name.text] : []))
}

/** The public members of a class: fields, accessors and methods. */
export function membersOfClass(path: string, className: string): readonly string[] {
  const source = parse(path)
  const declaration = source.statements.filter(ts.isClassDeclaration).find(({ name }) => name?.text === className)
  if (!declaration) throw new Error(`${path} has no class ${className}`)
  return declaration.members.flatMap(({ name }) => (name && ts.isIdentifier(name) ? [name.text] : []))
}

/** The top-level members of an interface with the names in their types: of `EventDetails` the events with their fields. */
export function carriedBy(path: string, interfaceName: string): ReadonlyMap<string, readonly string[]> {
  const source = parse(path)
  const declaration = source.statements.filter(ts.isInterfaceDeclaration).find(({ name }) => name.text === interfaceName)
  const namesIn = (node: ts.TypeNode | undefined) => {
    if (node && ts.isTypeLiteralNode(node)) return node.members.map(({ name }) => name?.getText(source) ?? '')
    return node && ts.isTypeReferenceNode(node) ? membersOfImported(path, node.typeName.getText(source)) : []
  }
  const members = declaration?.members.filter(ts.isPropertySignature) ?? []
  return new Map(members.map(({ name, type }) => [name.getText(source), namesIn(type)]))
}

/** The members of an interface that a file imports from a file beside it. */
function membersOfImported(path: string, name: string): string[] {
  const [, from = ''] = new RegExp(`import type \\{[^}]*\\b${name}\\b[^}]*\\} from '\\./(.*?)'`).exec(parse(path).text) ?? []
  return membersOf(path.replace(/[^/]*$/, from), name).map((member) => member.name)
}

/** The fields of each variant of a discriminated union, by the literals of its `status`. */
export function variantsOf(path: string, typeName: string): ReadonlyMap<string, readonly string[]> {
  const source = parse(path)
  const alias = source.statements.filter(ts.isTypeAliasDeclaration).find(({ name }) => name.text === typeName)
  const variants = new Map<string, readonly string[]>()
  const literals = alias && ts.isUnionTypeNode(alias.type) ? alias.type.types.filter(ts.isTypeLiteralNode) : []
  for (const { members } of literals) {
    const [status, ...rest] = members.filter(ts.isPropertySignature)
    const names = rest.map(({ name }) => name.getText(source))
    for (const [, each = ''] of status?.type?.getText(source).matchAll(/'(\w+)'/g) ?? []) variants.set(each, names)
  }
  return variants
}

function parse(path: string): ts.SourceFile {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
}
