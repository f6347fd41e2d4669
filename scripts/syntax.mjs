/** Visits every node of a syntax tree. */
export function walk(node, visit) {
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk(child, visit)
    }
  }
}

/** The property names in a syntax tree: in `x.name`, `{ name: … }`, `{ name }`, and members of classes. */
export function propertyNames(ast) {
  const found = []
  walk(ast, (node) => {
    const key =
      node.type === 'MemberExpression'
        ? node.property
        : /^(Property|MethodDefinition|PropertyDefinition)$/.test(node.type) && node.key
    if (key?.type === 'Identifier' && !node.computed) found.push({ key, isShorthand: node.shorthand === true })
  })
  return found
}
