import type { AttackedServer } from './attacked-server.ts'

/** What an input of some size costs a server. */
export interface Cost {
  readonly cpuMs: number
  readonly standstillCpuMs: number
}

export interface GrowthOptions {
  /** The small size; the large one is four times as much. */
  readonly size: number
  /** The longest standstill allowed of the event loop, in ms of CPU; usual ones are a tenth of it. @defaultValue 1,000 */
  readonly ceilingMs?: number
}

/** Four times the size costs four times as much if the cost is linear, and sixteen times if it is quadratic. */
const maxRatio = 8
/** Costs below this are noise. */
const noiseMs = 60
const attempts = 3

/** What an input costs, in CPU time: other load on the machine does not add to it. */
export async function costOf(server: AttackedServer, run: () => Promise<unknown>): Promise<Cost> {
  await server.reset()
  await run()
  await server.rests()
  const { cpuMs, standstillCpuMs } = await server.account({ isSettled: false, limitMs: 60_000 })
  return { cpuMs, standstillCpuMs }
}

/** Throws unless the cost of an input grows linearly with its size and the event loop never stands still for long. */
export async function grewLinearly(
  costs: (size: number) => Promise<Cost>,
  { size, ceilingMs = 1000 }: GrowthOptions,
): Promise<void> {
  // A warm-up: code that is not compiled yet would distort the measurement.
  await costs(size)
  let small: Cost = { cpuMs: Infinity, standstillCpuMs: Infinity }
  let large = small
  for (let attempt = 1; ; attempt += 1) {
    small = least(small, await costs(size))
    large = least(large, await costs(4 * size))
    const isLinear = large.cpuMs <= Math.max(noiseMs, maxRatio * small.cpuMs)
    if (isLinear && large.standstillCpuMs <= ceilingMs) return
    const isFar = large.cpuMs > 1.5 * maxRatio * small.cpuMs || large.standstillCpuMs > 2 * ceilingMs
    if (isFar || attempt === attempts) {
      const told = JSON.stringify({ size, small, large, ceilingMs })
      throw new Error(isLinear ? `The loop stands still for too long: ${told}` : `It grows faster than its size: ${told}`)
    }
  }
}

function least(one: Cost, other: Cost): Cost {
  return {
    cpuMs: Math.min(one.cpuMs, other.cpuMs),
    standstillCpuMs: Math.min(one.standstillCpuMs, other.standstillCpuMs),
  }
}
