// What reads the code without running it; the first that complains decides the exit code, and all are heard.
import { checks, runTogether } from './checks.mjs'

const failed = (await runTogether(checks)).filter(({ ok }) => !ok)
process.exitCode = failed.length > 0 ? 1 : 0
