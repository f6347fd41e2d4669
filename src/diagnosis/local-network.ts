/** The address spaces to which browsers let pages from outside connect with the user's permission only (Local Network Access). */
export type LocalSpace = 'loopback' | 'local'

const loopback = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
const local = /^(10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.[\d.]+$|^\[f([cd]|e[89ab])|\.local$/

/** In which of them a host is, as far as its name tells: any other name may lead there too. */
export function spaceOf(hostname: string): LocalSpace | undefined {
  if (loopback.test(hostname)) return 'loopback'
  return local.test(hostname) ? 'local' : undefined
}
