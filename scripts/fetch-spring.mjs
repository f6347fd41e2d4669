// Fetches with Maven what the Spring applications of the tests and of examples/spring-stomp need, and compiles them, into folders which
// `npm ci` empties and git does not see. Does nothing where they are there.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const springVersion = '3.5.8'
/** The compiler of Eclipse: a Java runtime has none, and it is some megabytes where a JDK is some hundred. */
const compilerVersion = '3.33.0'

const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))

/** Where the jars are, once they have been fetched. */
const springJars = `${cache}/spring-${springVersion}`

const testApplication = application('application', 'test/support/spring')
const chatApplication = application('chat', 'examples/spring-stomp/src/main/java/chat')

/** The sources of a folder, and where their classes are once they have been compiled: another folder for other sources. */
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

/** What `java` is given to run the application of the tests. */
export const springArguments = ['-cp', `${testApplication.classes}:${springJars}/*`, 'steadfast.spring.Application']

/** What `java` is given to run that of the example. */
export const chatArguments = ['-cp', `${chatApplication.classes}:${springJars}/*`, 'chat.ChatApplication']

/** Whether the applications can be started, or compiled without the net. */
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
  // This compiler takes no pattern.
  const jars = readdirSync(springJars).flatMap((name) => (name.endsWith('.jar') ? [`${springJars}/${name}`] : []))
  const compiler = ['-cp', `${springJars}/*`, 'org.eclipse.jdt.internal.compiler.batch.Main']
  const options = ['--release', '17', '-parameters', '-encoding', 'UTF-8', '-proc:none', '-classpath', jars.join(':')]
  execFileSync('java', [...compiler, ...options, '-d', folder, ...sources], { stdio: 'inherit' })
}

/** The folder appears when it is complete, so that what is cut off in between is done again. */
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
