import { existsSync } from 'node:fs'

/**
 * The path of a file of the machine. `STEADFAST_ROOT` names a folder that replaces the root of the file system when tests look
 * for software besides Node and npm packages: an empty folder simulates a machine without any.
 */
export function onMachine(path: string): string {
  return (process.env['STEADFAST_ROOT'] ?? '') + path
}

export function isInstalled(path: string): boolean {
  return existsSync(onMachine(path))
}

/** The folders in which commands are looked for: those of `PATH`, and those of daemons, which a user's `PATH` may lack. */
export function commandFolders(): string[] {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
  return folders.filter((folder) => folder !== '').map(onMachine)
}

export function hasCommand(command: string): boolean {
  return commandFolders().some((folder) => existsSync(`${folder}/${command}`))
}
