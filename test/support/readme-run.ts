import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import ts from 'typescript'
import type { Snippet } from './readme.ts'

// Written apart: in tests with a DOM, Vite takes `new URL(…, import.meta.url)` for an asset.
const here = import.meta.url
const root = fileURLToPath(new URL('../..', here))

/**
 * Runs a snippet as a module; resolves with its exports. `modules` are its imports, by module name, and `scope` the variables
 * that it uses without importing them.
 */
export async function runSnippet(
  { name, language, code }: Snippet,
  modules: Readonly<Record<string, unknown>>,
  scope: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, jsx: ts.JsxEmit.ReactJSX },
    fileName: `${name}.${language === 'tsx' ? 'tsx' : 'ts'}`,
  })
  const exported: Record<string, unknown> = {}
  const load = (module: string) => {
    if (!(module in modules)) throw new Error(`${name} imports ${module}, which its test does not provide`)
    return modules[module]
  }
  const names = Object.keys(scope)
  const run = vm.runInThisContext(`(async (require, exports, ${names.join(', ')}) => {${outputText}\n})`, {
    filename: `snippet ${name}`,
  })
  await run(load, exported, ...names.map((each) => scope[each]))
  return exported
}

/**
 * The errors of the compiler in the snippets, with the settings of the project and its sources in place of the package.
 * `ambient` declares variables that they use without importing them, and modules that are not installed.
 */
export function typeErrorsOf(snippets: readonly Snippet[], ambient: string): string[] {
  const { config } = ts.readConfigFile(`${root}test/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, `${root}test`)
  const files = new Map(snippets.map(({ name, code }) => [`${root}test/readme/${name}.ts`, code]))
  files.set(`${root}test/readme/ambient.d.ts`, ambient)
  const paths = {
    steadfast: [`${root}src/index.ts`],
    'steadfast/shared': [`${root}src/shared/index.ts`],
    'steadfast/socket': [`${root}src/socket/index.ts`],
    'steadfast/sockjs': [`${root}src/sockjs/index.ts`],
    'steadfast/react': [`${root}src/react/index.ts`],
    'steadfast/vue': [`${root}src/vue/index.ts`],
    'steadfast/session': [`${root}src/session/index.ts`],
    'steadfast/protocols': [`${root}src/protocols/index.ts`],
    'steadfast/remedies': [`${root}src/diagnosis/remedies.ts`],
    'steadfast/testing': [`${root}src/testing/index.ts`],
    'steadfast/kafka': [`${root}src/kafka/index.ts`],
    'steadfast/server': [`${root}src/server/index.ts`],
    'steadfast/redis': [`${root}src/redis/index.ts`],
    'steadfast/gateway': [`${root}src/gateway/index.ts`],
    'steadfast/server/testing': [`${root}src/server/testing/index.ts`],
  }
  const host = ts.createCompilerHost(options)
  const { readFile, fileExists, directoryExists, getSourceFile } = host
  host.readFile = (path) => files.get(path) ?? readFile(path)
  // One snippet may import another.
  host.directoryExists = (path) => path.startsWith(`${root}test/readme`) || directoryExists?.(path) === true
  host.fileExists = (path) => files.has(path) || fileExists(path)
  host.getSourceFile = (path, language, ...rest) => {
    const text = files.get(path)
    return text === undefined ? getSourceFile(path, language, ...rest) : ts.createSourceFile(path, text, language)
  }
  // A snippet may create something without using it.
  const program = ts.createProgram([...files.keys()], { ...options, paths, noUnusedLocals: false }, host)
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => ({ path: file?.fileName ?? '', text: ts.flattenDiagnosticMessageText(messageText, '\n') }))
    .filter(({ path }) => files.has(path))
    .map(({ path, text }) => `${path.slice(root.length)}: ${text}`)
}
