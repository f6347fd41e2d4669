import ts from 'typescript'

/**
 * A rollup plugin: TypeScript to the JavaScript in it. The sources keep to erasable syntax, so nothing else changes.
 * @returns {import('rollup').Plugin}
 */
export function stripTypes() {
  return {
    name: 'strip-types',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null
      const { outputText, sourceMapText } = ts.transpileModule(code, {
        fileName: id,
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          verbatimModuleSyntax: true,
          allowImportingTsExtensions: true,
          noEmit: false,
          sourceMap: true,
        },
      })
      return { code: outputText.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'), map: sourceMapText }
    },
  }
}
