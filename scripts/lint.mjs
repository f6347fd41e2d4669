// What reads the code without running it; the first that complains decides the exit code, and all are heard.
import { checks, run } from './checks.mjs'

const failed = checks.filter((check) => !run(check).ok)
process.exitCode = failed.length > 0 ? 1 : 0
