// Runs all static checks; the first one that fails determines the exit code.
import { checks, runTogether } from './checks.mjs'

const failed = (await runTogether(checks)).filter(({ ok }) => !ok)
process.exitCode = failed.length > 0 ? 1 : 0
