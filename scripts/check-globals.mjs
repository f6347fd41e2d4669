// Only src/host/{browser,browser-tabs,tab,timers}.ts and src/server/node/process-host.ts may use globals of their environment.
// All other sources are limited to the globals listed here: those of the language, and constructors that every runtime has and
// that have no effects of their own (imports are not globals). A linter knows only names; the type checker also knows that a
// parameter called `performance` is not a global, and that `typeof fetch` in a type uses nothing.
import { relative } from 'node:path'
import ts from 'typescript'

const exempt = /^src\/(host\/(browser|browser-tabs|tab|timers)|server\/node\/process-host)\.ts$/

const language = [
  'undefined NaN Infinity Object Array String Number Boolean Symbol BigInt Function Map Set WeakMap WeakSet WeakRef Promise',
  'JSON Math Date RegExp Proxy Reflect Error TypeError RangeError SyntaxError AggregateError ArrayBuffer SharedArrayBuffer DataView',
  'Uint8Array Uint16Array Uint32Array Int8Array Int16Array Int32Array Float32Array Float64Array parseInt parseFloat isNaN isFinite',
  'encodeURIComponent decodeURIComponent encodeURI decodeURI',
]
const inert =
  'EventTarget Event CloseEvent MessageEvent URL URLSearchParams Headers TextEncoder TextDecoder AbortController AbortSignal DOMException Blob ReadableStream queueMicrotask atob btoa'
const allowed = new Set([...language, inert].flatMap((names) => names.split(' ')))

/** Members of allowed globals that are clocks, timers or random. */
const forbiddenMembers = new Set(['Date.now', 'Math.random', 'AbortSignal.timeout'])

const found = new Set()
let program
let checker

for (const folder of ['.', 'src/server']) {
  const { config } = ts.readConfigFile(`${folder}/tsconfig.json`, ts.sys.readFile)
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, folder)
  program = ts.createProgram(fileNames, options)
  checker = program.getTypeChecker()
  for (const file of program.getSourceFiles()) {
    const path = relative('.', file.fileName)
    if (path.startsWith('src/') && !exempt.test(path)) visit(file, file, path)
  }
}

function visit(node, file, path) {
  // Types use nothing at run time; of heritage clauses only `extends` of a class does.
  if (ts.isTypeNode(node) && !ts.isExpressionWithTypeArguments(node)) return
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return
  if (ts.isHeritageClause(node) && node.token === ts.SyntaxKind.ImplementsKeyword) return
  if (ts.isIdentifier(node)) {
    const complaint = complain(node)
    if (complaint) {
      const { line, character } = file.getLineAndCharacterOfPosition(node.getStart())
      found.add(`${path}:${line + 1}:${character + 1} ${complaint}`)
    }
  }
  ts.forEachChild(node, (child) => visit(child, file, path))
}

function complain(node) {
  const { parent } = node
  if (node.text === 'globalThis') return 'globalThis'
  if (!isReference(node, parent)) return undefined
  const isShorthand = ts.isShorthandPropertyAssignment(parent)
  const symbol = isShorthand ? checker.getShorthandAssignmentValueSymbol(parent) : checker.getSymbolAtLocation(node)
  const declarations = symbol?.declarations ?? []
  const isGlobal = declarations.length > 0 && declarations.every((declaration) => isOfThePlatform(declaration.getSourceFile()))
  if (!isGlobal) return undefined
  if (!allowed.has(node.text)) return node.text
  if (ts.isPropertyAccessExpression(parent) && forbiddenMembers.has(`${node.text}.${parent.name.text}`)) return parent.getText()
  if (node.text === 'Date' && ts.isNewExpression(parent) && !parent.arguments?.length) return 'new Date()'
  return undefined
}

/** Whether a file declares globals of the language or of Node. */
function isOfThePlatform(file) {
  return program.isSourceFileDefaultLibrary(file) || /\/node_modules\/(@types\/node|undici-types)\//.test(file.fileName)
}

/** Whether the identifier refers to a value, and is not the name of a member or of a declaration. */
function isReference(node, parent) {
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node
  if (ts.isShorthandPropertyAssignment(parent)) return true
  return !('name' in parent && parent.name === node) && !('propertyName' in parent && parent.propertyName === node)
}

for (const line of found) console.error(line)
if (found.size > 0) {
  console.error(`\n${found.size} uses of a global. Only a host touches one: ask it.`)
  process.exitCode = 1
}
