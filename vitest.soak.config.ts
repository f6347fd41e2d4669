import { defineConfig } from 'vitest/config'

// What takes too long for every change: `npm run test:soak`.
export default defineConfig({
  test: { include: ['test/soak/**/*.test.ts'], allowOnly: false, fileParallelism: false, maxWorkers: 1, hookTimeout: 60_000 },
})
