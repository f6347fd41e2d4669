// Only src/host/{browser,browser-tabs,tab,timers}.ts and src/server/node/process-host.ts may reach into their surroundings. Everything else in src is limited to
// the globals named here: the language, and constructors which every runtime has and which do nothing by themselves (what is
// imported by name is no global). A linter knows names; the type checker also knows that a parameter called `performance` is
// none, and that `typeof fetch` in a type touches nothing.
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

/** Members of allowed globals that are a clock, a timer or chance after all. */
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
  // In a type nothing is touched; `extends` of a class is the one heritage clause that runs.
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

/** The language's libraries, and the globals that Node adds to them. */
function isOfThePlatform(file) {
  return program.isSourceFileDefaultLibrary(file) || /\/node_modules\/(@types\/node|undici-types)\//.test(file.fileName)
}

/** Whether the identifier stands for a value by itself, and is not the name of a member or of something declared here. */
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
