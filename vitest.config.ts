import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/**
 * `npm test` runs the quick part, `.ci/run` after it the rest, `npm run test:all` and vitest by itself both. The quick part has all
 * files of its projects but those that are slower than what they are likely to find, one browser, and the fuzz of raw TCP.
 */
const part = process.env['STEADFAST_TESTS'] ?? 'all'
const quickProjects = ['unit', 'dom', 'unhurried', 'node', 'browser']
/** Files of the other projects that belong to the quick part. */
const quick = ['test/attack/fuzz.test.ts']
const slow = [
  'unit/report-secrets',
  'unit/simulation',
  'integration/demo-redis',
  'integration/demo-server',
  'integration/faults',
  'integration/firewall',
  'integration/outages',
  'integration/session-burst',
  'integration/session-time',
  'integration/sizes',
  'browser/demo',
  'browser/demo-alone',
  'browser/demo-redis',
  'browser/demo-stomp',
  'browser/examples-next',
  'browser/examples-redis',
  'browser/examples-spring',
  'browser/fallback',
  'browser/leaks',
  'browser/nchan',
  'browser/page-leaves',
].map((name) => `test/${name}.test.ts`)

/** Of the files of a project those that are in the part asked for. */
function inPart(name: string, folder: string, include: readonly string[]): { include: string[]; exclude: string[] } {
  if (part === 'all') return { include: [...include], exclude: [] }
  const isQuick = quickProjects.includes(name)
  const isOwn = (file: string) => file.startsWith(`test/${folder}/`) && !(name === 'unhurried')
  if (part === 'quick') return isQuick ? { include: [...include], exclude: slow } : { include: quick.filter(isOwn), exclude: [] }
  if (part !== 'rest') throw new Error(`STEADFAST_TESTS is '${part}'; it can be 'quick', 'rest' or 'all'`)
  return isQuick ? { include: slow.filter(isOwn), exclude: [] } : { include: [...include], exclude: quick }
}

/** Projects of one group run side by side, the groups one after another. */
function project(
  name: string,
  folder: string,
  group: number,
  options: TestProjectInlineConfiguration['test'] = {},
): TestProjectInlineConfiguration {
  const { include, exclude } = inPart(name, folder, options.include ?? [`test/${folder}/**/*.test.ts`])
  return {
    test: {
      name,
      setupFiles: ['./test/setup.ts'],
      testTimeout: 10_000,
      sequence: { groupOrder: group },
      ...options,
      include,
      exclude: [...exclude, ...(options.exclude ?? [])],
    },
  }
}

// Real servers, builds and browsers are measured by the clock on the wall: few files at a time, and once more when a busy machine was
// too slow for one. What fails twice is broken. Tests that say of themselves that they are concurrent do little but wait.
const atOnce = (maxWorkers: number, maxConcurrency = 32) => ({
  ...{ fileParallelism: true, maxWorkers, maxConcurrency },
  ...{ testTimeout: 60_000, hookTimeout: 60_000, retry: 1 },
})

// What is measured there is time, or the processor is busy meanwhile. The other files of their folder wait for what happens and not
// until a time, and use a fifth of a core: five of them at once do not hinder each other.
const hurried = [
  'demo-redis',
  'demo-server',
  'faults',
  'firewall',
  'outages',
  'session-burst',
  'session-time',
  'sizes',
  'support-chromium',
].map((name) => `test/integration/${name}.test.ts`)

// Stores and other servers in processes of their own: the tests wait for them most of the time.
const engines = [
  'centrifugo',
  'durable-streams',
  'kafka-bridge',
  'kafka-contract',
  'kafka-outages',
  'kafka-topics',
  'gateway-mosquitto',
  'gateway-rabbitmq',
  'gateway-redis',
  'mercure',
  'spring',
  'redis',
  'redis-cluster',
  'redis-contract',
  'redis-nodes',
  'redis-outages',
].map((name) => `test/integration/${name}.test.ts`)

// A page of these waits most of the time, or what is measured there is memory.
const patient = [
  'browser/demo-alone',
  'browser/demo-redis',
  'browser/demo-stomp',
  'browser/examples-next',
  'browser/examples-redis',
  'browser/examples-spring',
  'browser/leaks',
  'browser/page-leaves',
  'faults/faults',
].map((name) => `test/${name}.test.ts`)

export default defineConfig({
  test: {
    // A test that was left focused hides all others.
    allowOnly: false,
    // Where no clock on the wall is involved, a retry would only hide a test that fails now and then.
    retry: 0,
    projects: [
      // By itself vitest would leave one of two cores idle.
      project('unit', 'unit', 0, { maxWorkers: 2 }),
      project('dom', 'dom', 0, { maxWorkers: 2, environment: 'happy-dom' }),
      project('unhurried', 'integration', 1, { ...atOnce(5), exclude: [...hurried, ...engines] }),
      project('node', 'integration', 2, { ...atOnce(2), include: hurried }),
      // Real proxies, each with a server behind it. Their timeouts are scaled down, so the tests wait beside each other, but not so
      // many that this process is late with an answer for which a proxy waits.
      project('proxies', 'proxies', 2, atOnce(2, 16)),
      // Compilers and package managers, each in a process of its own.
      project('package', 'package', 3, atOnce(2)),
      // A page of the demo draws without end and takes a fifth of a core.
      project('browser', 'browser', 4, { ...atOnce(3, 3), exclude: patient }),
      project('chaos', 'chaos', 5, atOnce(2)),
      // These wait for processes of their own, or measure the processor's time, which takes no harm from what runs beside it.
      project('patient', 'browser', 6, { ...atOnce(3, 3), include: patient }),
      project('attack', 'attack', 6, atOnce(3)),
      project('engines', 'integration', 6, { ...atOnce(3), include: engines }),
      // Fifty clients and three processes need both cores, and must be back within 10 s.
      project('fleet', 'fleet', 7, atOnce(1)),
    ],
  },
})
