import ts from 'typescript'

/**
 * A rollup plugin that removes the types of TypeScript. The sources use erasable syntax only, so nothing else changes.
 * @param {{ assignsFields?: boolean }} [options] `assignsFields`: fields are assigned in the constructor, as a bundler that builds for
 * ES2020 would otherwise define each of them by a call
 * @returns {import('rollup').Plugin}
 */
export function stripTypes({ assignsFields = false } = {}) {
  return {
    name: 'strip-types',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null
      const { outputText, sourceMapText } = ts.transpileModule(code, {
        fileName: id,
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          useDefineForClassFields: !assignsFields,
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
