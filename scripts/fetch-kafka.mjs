// Fetches the Kafka broker of the tests with Maven, into a folder that `npm ci` empties and git ignores. Does nothing if it is
// there already.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const kafkaVersion = '4.4.0'

/** The folder of its jars, once they have been fetched. */
export const kafkaJars = fileURLToPath(new URL(`../node_modules/.cache/kafka-${kafkaVersion}`, import.meta.url))

const pom = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>steadfast</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${kafkaVersion}</version>
    </dependency>
  </dependencies>
</project>
`

export function fetchKafka() {
  if (existsSync(kafkaJars)) return
  const folder = `${kafkaJars}.part`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  mkdirSync(folder)
  writeFileSync(`${folder}/pom.xml`, pom)
  const goals = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
  execFileSync('mvn', ['--quiet', '--batch-mode', '--file', `${folder}/pom.xml`, ...goals], { stdio: 'inherit' })
  renameSync(folder, kafkaJars)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fetchKafka()
