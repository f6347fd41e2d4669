#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { runGateway } from './gateway-command.ts'
import { helpText } from './options.ts'
import { merged, readArguments, readConfiguration, UsageError } from './read-options.ts'
import { settingsOf } from './settings.ts'

// Whoever reads the log may end (`| head`, a collector that restarts): the sockets must not end with it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

main(process.argv.slice(2)).catch((error) => {
  const isUsage = error instanceof UsageError
  process.stderr.write(`steadfast: ${isUsage ? error.message : (error?.stack ?? error)}\n`)
  if (isUsage) process.stderr.write('steadfast gateway --help shows all options.\n')
  process.exit(isUsage ? 2 : 1)
})

async function main([command, ...words]: readonly string[]): Promise<void> {
  if (command === '--version' || command === '-v') {
    process.stdout.write(`${version()}\n`)
    return
  }
  if (command === undefined || ['--help', '-h', 'help'].includes(command)) {
    process.stdout.write(helpText())
    return
  }
  if (command !== 'gateway') throw new UsageError(`'${command}' is not a command; the only one is: steadfast gateway`)
  const given = readArguments(words)
  if (given.has('help')) process.stdout.write(helpText())
  else if (given.has('version')) process.stdout.write(`${version()}\n`)
  else await runGateway(settingsOf(merged(configuration(given.get('config')), given)))
}

function configuration(file: unknown): ReadonlyMap<string, unknown> {
  if (typeof file !== 'string') return new Map()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--config ${file} cannot be read`, { cause: error })
  }
  return readConfiguration(text, file)
}

function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  return String(version)
}
