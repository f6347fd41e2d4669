// Finds floating promises, since an unhandled rejection ends a server's process. Every promise in the sources must be awaited,
// returned, stored, or have a rejection handler; and no function that returns one may be passed where a void result is
// expected.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { root } from './checks.mjs'

/** Floating promises of the program's files for which `isOurs` holds, as `path:line: what`. */
export function floatingPromises(program, isOurs) {
  const checker = program.getTypeChecker()
  const found = []

  for (const file of program.getSourceFiles()) if (isOurs(file.fileName)) visit(file, file)
  return found

  function visit(node, file) {
    if (ts.isExpressionStatement(node)) check(node.expression, file)
    else if (ts.isForStatement(node)) {
      if (node.incrementor) check(node.incrementor, file)
    } else if (ts.isVoidExpression(node)) check(node.expression, file)
    else if (ts.isCallExpression(node) || ts.isNewExpression(node)) checkCallbacks(node, file)
    ts.forEachChild(node, (child) => visit(child, file))
  }

  function check(expression, file) {
    const inner = ts.skipOuterExpressions(expression)
    if (ts.isConditionalExpression(inner)) {
      check(inner.whenTrue, file)
      check(inner.whenFalse, file)
    } else if (ts.isBinaryExpression(inner)) checkBinary(inner, file)
    // The operand of `void` is checked by `visit`.
    else if (!ts.isVoidExpression(inner) && isPromise(typeOf(inner)) && !isHandled(inner)) report(inner, file, 'floats')
  }

  function checkBinary(expression, file) {
    const kind = expression.operatorToken.kind
    if (kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment) return
    if (kind !== ts.SyntaxKind.AmpersandAmpersandToken) check(expression.left, file)
    check(expression.right, file)
  }

  function isHandled(expression) {
    const inner = ts.skipOuterExpressions(expression)
    if (ts.isAwaitExpression(inner)) return true
    if (!ts.isCallExpression(inner) || !ts.isPropertyAccessExpression(inner.expression)) return false
    const { name, expression: promise } = inner.expression
    if (name.text === 'catch') return inner.arguments.length > 0
    if (name.text === 'then') return inner.arguments.length > 1
    return name.text === 'finally' && isHandled(promise)
  }

  /** Reports functions that return a promise, passed where a function without a result is expected. */
  function checkCallbacks(call, file) {
    const signature = checker.getResolvedSignature(call)
    if (!signature) return
    call.arguments?.forEach((argument, index) => {
      const parameter = signature.parameters[Math.min(index, signature.parameters.length - 1)]
      if (!parameter || !returnsPromise(typeOf(argument))) return
      let expected = checker.getTypeOfSymbolAtLocation(parameter, call)
      if (index >= signature.parameters.length - 1 && isRest(parameter)) expected = expected.getNumberIndexType() ?? expected
      const signatures = parts(expected).flatMap((type) => type.getCallSignatures())
      if (signatures.length > 0 && signatures.every((each) => each.getReturnType().flags & ts.TypeFlags.Void))
        report(argument, file, 'returns a promise that nobody waits for')
    })
  }

  function isRest(parameter) {
    const { valueDeclaration } = parameter
    return valueDeclaration !== undefined && ts.isParameter(valueDeclaration) && valueDeclaration.dotDotDotToken !== undefined
  }

  function typeOf(node) {
    return checker.getTypeAtLocation(node)
  }

  function parts(type) {
    return type.isUnion() ? type.types : [type]
  }

  function isPromise(type) {
    return parts(type).some((part) => {
      const then = part.getProperty?.('then')
      return then !== undefined && checker.getTypeOfSymbol(then).getCallSignatures().length > 0
    })
  }

  function returnsPromise(type) {
    return parts(type).some((part) => part.getCallSignatures().some((each) => isPromise(each.getReturnType())))
  }

  function report(node, file, what) {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file))
    found.push(`${file.fileName.replace(`${root}/`, '')}:${line + 1}: ${node.getText(file).split('\n')[0]} ${what}`)
  }
}

/** The program of one tsconfig.json. */
export function programOf(config) {
  const { config: read } = ts.readConfigFile(`${root}/${config}`, ts.sys.readFile)
  const folder = `${root}/${config}`.replace(/\/[^/]*$/, '')
  const { fileNames, options } = ts.parseJsonConfigFileContent(read, ts.sys, folder)
  return ts.createProgram(fileNames, options)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isSource = (path) => path.startsWith(`${root}/src/`)
  const found = new Set(
    ['tsconfig.json', 'src/server/tsconfig.json'].flatMap((name) => floatingPromises(programOf(name), isSource)),
  )
  for (const each of found) console.error(each)
  if (found.size > 0) console.error('A promise floats: await it, return it, or give it a catch.')
  process.exitCode = found.size > 0 ? 1 : 0
}
