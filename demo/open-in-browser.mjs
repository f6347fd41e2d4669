import { spawn } from 'node:child_process'

const openers = { darwin: ['open'], win32: ['cmd', '/c', 'start', '""'] }

/** Opens a URL with the desktop's opener; reports a failure on stderr. It does not keep this process alive. */
export function openInBrowser(address) {
  const [command, ...parameters] = openers[process.platform] ?? ['xdg-open']
  const child = spawn(command, [...parameters, address], { stdio: 'ignore', detached: true, windowsVerbatimArguments: true })
  const fail = (why) => process.stderr.write(`No browser could be opened (${command}: ${why}): open ${address} yourself.\n`)
  child.once('error', ({ code, message }) => fail(code === 'ENOENT' ? 'not found' : message))
  child.once('exit', (status) => status && fail(`exit code ${status}`))
  child.unref()
}
