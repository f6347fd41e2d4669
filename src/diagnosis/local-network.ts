/** The address spaces to which public pages may connect only with the user's permission (Local Network Access). */
export type LocalSpace = 'loopback' | 'local'

const loopback = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
const local = /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+$|^\[f([cd]|e[89ab])|\.local$/

/** Returns the address space of a host if its name shows it; any other name may resolve to one too. */
export function spaceOf(hostname: string): LocalSpace | undefined {
  if (loopback.test(hostname)) return 'loopback'
  return local.test(hostname) ? 'local' : undefined
}
