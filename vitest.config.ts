import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/** Projects of one group run side by side, the groups one after another. */
function project(
  name: string,
  folder: string,
  group: number,
  options: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [`test/${folder}/**/*.test.ts`],
      setupFiles: ['./test/setup.ts'],
      testTimeout: 10_000,
      sequence: { groupOrder: group },
      ...options,
    },
  }
}

// Real servers, builds and browsers are measured by the clock on the wall: one file at a time, nothing beside it, and once
// more when a busy machine was too slow for it. What fails twice is broken. Tests that say of themselves that they are
// concurrent do little but wait.
const alone = {
  ...{ fileParallelism: false, maxWorkers: 1, maxConcurrency: 32 },
  ...{ testTimeout: 60_000, hookTimeout: 60_000, retry: 1 },
}

export default defineConfig({
  test: {
    // A test that was left focused hides all others.
    allowOnly: false,
    // Where no clock on the wall is involved, a retry would only hide a test that fails now and then.
    retry: 0,
    projects: [
      project('unit', 'unit', 0),
      project('dom', 'dom', 0, { environment: 'happy-dom' }),
      project('node', 'integration', 1, alone),
      project('package', 'package', 2, alone),
      project('browser', 'browser', 3, alone),
      project('chaos', 'chaos', 4, alone),
      project('faults', 'faults', 5, alone),
    ],
  },
})
