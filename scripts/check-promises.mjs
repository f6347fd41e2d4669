// Finds floating promises, since an unhandled rejection ends a server's process. Every promise in the sources must be awaited,
// returned, stored, or have a rejection handler; and no function that returns one may be passed where a void result is
// expected. The second argument of `then` does not handle what the first one throws: in the server's sources a handler has to
// follow, unless the first one is too simple to throw.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { root } from './checks.mjs'

/**
 * Floating promises of the program's files for which `isOurs` holds, as `path:line: what`. In those for which `isStrict` holds,
 * `then(a, b)` counts as handled only if `a` cannot throw.
 */
export function floatingPromises(program, isOurs, isStrict = isOurs) {
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
    if (name.text === 'then')
      return inner.arguments.length > 1 && (!isStrict(inner.getSourceFile().fileName) || isHarmless(inner.arguments[0]))
    return name.text === 'finally' && isHandled(promise)
  }

  /** Whether a handler of fulfilment cannot throw, as far as its code alone shows, and returns no promise. */
  function isHarmless(handler) {
    const inner = ts.skipOuterExpressions(handler)
    if (ts.isIdentifier(inner)) return isUndefined(inner) || isSettler(inner) || isHarmlessName(inner)
    if (inner.kind === ts.SyntaxKind.NullKeyword) return true
    if (!ts.isArrowFunction(inner) && !ts.isFunctionExpression(inner)) return false
    return isHarmlessFunction(inner)
  }

  function isHarmlessFunction({ parameters, body }) {
    // Destructuring and defaults run code.
    if (parameters.some(({ name, initializer }) => !ts.isIdentifier(name) || initializer)) return false
    if (!ts.isBlock(body)) return isHarmlessResult(body)
    return body.statements.every((each) => {
      if (ts.isReturnStatement(each)) return !each.expression || isHarmlessResult(each.expression)
      return ts.isExpressionStatement(each) && isAssignment(each.expression)
    })
  }

  function isHarmlessResult(expression) {
    return (isValue(expression) || isAssignment(expression)) && !isPromise(typeOf(expression))
  }

  /** A constant or a function that is declared with a harmless body. */
  function isHarmlessName(identifier) {
    const declaration = checker.getSymbolAtLocation(identifier)?.valueDeclaration
    if (!declaration) return false
    if (ts.isFunctionDeclaration(declaration)) return declaration.body !== undefined && isHarmlessFunction(declaration)
    const isConstant = ts.isVariableDeclaration(declaration) && (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0
    return isConstant && declaration.initializer !== undefined && isHarmless(declaration.initializer)
  }

  /** `resolve` or `reject` of `new Promise((resolve, reject) => …)`. */
  function isSettler(identifier) {
    const declaration = checker.getSymbolAtLocation(identifier)?.valueDeclaration
    if (!declaration || !ts.isParameter(declaration)) return false
    const creation = declaration.parent.parent
    if (!ts.isNewExpression(creation) || creation.arguments?.[0] !== declaration.parent) return false
    return ts.isIdentifier(creation.expression) && creation.expression.text === 'Promise'
  }

  function isAssignment(expression) {
    const inner = ts.skipOuterExpressions(expression)
    if (!ts.isBinaryExpression(inner) || !isPlace(inner.left)) return false
    const kind = inner.operatorToken.kind
    return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment && isValue(inner.right)
  }

  function isValue(expression) {
    const inner = ts.skipOuterExpressions(expression)
    if (ts.isPrefixUnaryExpression(inner)) return isValue(inner.operand)
    const { kind } = inner
    const isConstant =
      kind === ts.SyntaxKind.TrueKeyword || kind === ts.SyntaxKind.FalseKeyword || kind === ts.SyntaxKind.NullKeyword
    return isConstant || ts.isLiteralExpression(inner) || isPlace(inner)
  }

  /** A variable or a field, which no accessor computes. */
  function isPlace(expression) {
    const inner = ts.skipOuterExpressions(expression)
    if (ts.isIdentifier(inner) || inner.kind === ts.SyntaxKind.ThisKeyword) return true
    if (!ts.isPropertyAccessExpression(inner) || !isPlace(inner.expression)) return false
    const symbol = checker.getSymbolAtLocation(inner.name)
    return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Accessor) === 0
  }

  function isUndefined(identifier) {
    return identifier.text === 'undefined'
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
  // In a page an unhandled rejection only appears in the console, and each handler would add to the size of the client.
  const server = ['server', 'redis', 'kafka', 'gateway', 'cli'].map((folder) => `${root}/src/${folder}/`)
  const isServer = (path) => server.some((folder) => path.startsWith(folder))
  const found = new Set(
    ['tsconfig.json', 'src/server/tsconfig.json'].flatMap((name) => floatingPromises(programOf(name), isSource, isServer)),
  )
  for (const each of found) console.error(each)
  if (found.size > 0) console.error('A promise floats: await it, return it, or give it a catch.')
  process.exitCode = found.size > 0 ? 1 : 0
}
