import { defineConfig } from 'vitest/config'

/** `npm run test:chaos`: minutes of harm to real connections, too long for every run of the tests. */
export default defineConfig({
  test: {
    include: ['test/chaos/**/*.test.ts'],
    setupFiles: ['./test/setup.ts'],
    fileParallelism: false,
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
})
