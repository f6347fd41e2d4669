// Fetches the jars of the Spring applications of the tests and of examples/spring-stomp with Maven, and compiles the
// applications, into folders that `npm ci` empties and git ignores. Does nothing if they are there already.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const springVersion = '3.5.8'
/** The compiler of Eclipse: a Java runtime has none, and a JDK would be hundreds of megabytes instead of a few. */
const compilerVersion = '3.33.0'

const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))

/** The folder of the jars, once they have been fetched. */
const springJars = `${cache}/spring-${springVersion}`

const testApplication = application('application', 'test/support/spring')
const chatApplication = application('chat', 'examples/spring-stomp/src/main/java/chat')

/** The sources of a folder, and the folder of their compiled classes, which depends on the content of the sources. */
function application(name, path) {
  const folder = fileURLToPath(new URL(`../${path}/`, import.meta.url))
  const sources = readdirSync(folder).map((file) => `${folder}${file}`)
  const hash = createHash('sha256')
  for (const source of sources) hash.update(readFileSync(source))
  return { sources, classes: `${springJars}-${name}-${hash.digest('hex').slice(0, 12)}` }
}

const dependency = (group, artifact, version) => `    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${version}</version>
    </dependency>
`

const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>steadfast</groupId>
  <artifactId>spring-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependency('org.springframework.boot', 'spring-boot-starter-websocket', springVersion)}${dependency('org.eclipse.jdt', 'ecj', compilerVersion)}  </dependencies>
</project>
`

/** The arguments of `java` that run the application of the tests. */
export const springArguments = ['-cp', `${testApplication.classes}:${springJars}/*`, 'steadfast.spring.Application']

/** The arguments of `java` that run the application of the example. */
export const chatArguments = ['-cp', `${chatApplication.classes}:${springJars}/*`, 'chat.ChatApplication']

/** Whether the applications can be started, or compiled without network access. */
export function hasSpringJars() {
  return existsSync(springJars)
}

export function fetchSpring() {
  intoFolder(springJars, (folder) => {
    mkdirSync(folder)
    writeFileSync(`${folder}/pom.xml`, pom)
    const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
    execFileSync('mvn', ['--quiet', '--batch-mode', '--file', `${folder}/pom.xml`, ...goals], { stdio: 'inherit' })
  })
  for (const { sources, classes } of [testApplication, chatApplication]) intoFolder(classes, (folder) => compile(sources, folder))
}

function compile(sources, folder) {
  // This compiler does not accept wildcards.
  const jars = readdirSync(springJars).flatMap((name) => (name.endsWith('.jar') ? [`${springJars}/${name}`] : []))
  const compiler = ['-cp', `${springJars}/*`, 'org.eclipse.jdt.internal.compiler.batch.Main']
  const options = ['--release', '17', '-parameters', '-encoding', 'UTF-8', '-proc:none', '-classpath', jars.join(':')]
  execFileSync('java', [...compiler, ...options, '-d', folder, ...sources], { stdio: 'inherit' })
}

/** Creates the folder under its final name only when it is complete, so that an interrupted run is repeated. */
function intoFolder(path, fill) {
  if (existsSync(path)) return
  const folder = `${path}.${process.pid}.part`
  mkdirSync(dirname(folder), { recursive: true })
  try {
    fill(folder)
    renameSync(folder, path)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    // Another process may have been faster.
    if (!existsSync(path)) throw error
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fetchSpring()
