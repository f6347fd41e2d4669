import { existsSync } from 'node:fs'

/**
 * Where a file of the machine is. `STEADFAST_ROOT` names a folder that stands for the root of the machine, for what tests start
 * besides Node and npm's packages: an empty folder is a machine that has none of it.
 */
export function onMachine(path: string): string {
  return (process.env['STEADFAST_ROOT'] ?? '') + path
}

export function isInstalled(path: string): boolean {
  return existsSync(onMachine(path))
}

/** The folders in which a command is looked for: those of `PATH`, and where a daemon is that is not on a user's. */
export function commandFolders(): string[] {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
  return folders.filter((folder) => folder !== '').map(onMachine)
}

export function hasCommand(command: string): boolean {
  return commandFolders().some((folder) => existsSync(`${folder}/${command}`))
}
