// Who may know whom (docs/ARCHITECTURE.md). Types count as imports: a file that only names a type of another still knows it.

/** Files without a timer, a socket, a clock or randomness of their own, and the contracts that are types only. */
const pure = [
  '^src/api/',
  '^src/frameworks/connection-view\\.ts$',
  '^src/connection/machine/',
  '^src/connection/stop-connecting\\.ts$',
  '^src/sending/(outbox|pending-call)\\.ts$',
  '^src/diagnosis/(?!(probe|failure-prober|classifier|index)\\.ts$)',
  '^src/protocols/',
  '^src/sockjs/(frames|place)\\.ts$',
  '^src/util/(bytes-of|check-options|http-fields|type-tags|suggest|well-formed)\\.ts$',
  '^src/wire/',
  '^src/shared/(leadership|messages|past|roll)\\.ts$',
  '^src/session/(session-state|session-port|stream-cursors|store-history|open-frame|snapshot|stored-session|grace|ack-schedule|batch-policy|retry-pause|frames|unacknowledged|held-ack|text-frames|call-value|server-call)\\.ts$',
]

export default {
  forbidden: [
    {
      name: 'pure-imports-pure',
      comment: 'Pure files import pure files only, and no package.',
      severity: 'error',
      from: { path: pure },
      to: { pathNot: pure },
    },
    {
      name: 'transports-know-no-client',
      comment: 'A transport dials once and reports. It knows neither the client nor the machine nor what is made of its report.',
      severity: 'error',
      from: { path: '^src/transports/' },
      to: {
        path: ['^src/(index|core)\\.ts$', '^src/(client|connection|diagnosis|host|sending)/'],
      },
    },
    {
      name: 'probe-knows-no-client',
      comment: 'The follow-up question is asked through the host, by whoever holds the client.',
      severity: 'error',
      from: { path: '^src/diagnosis/(probe|failure-prober)\\.ts$' },
      to: { path: ['^src/(index|core)\\.ts$', '^src/(client|connection|host|sending)/'] },
    },
    {
      name: 'host-knows-nobody',
      comment: 'The host is the bottom: it implements the port and imports nothing else of ours.',
      severity: 'error',
      from: { path: '^src/host/' },
      to: { path: '^src/', pathNot: '^src/(host/|api/host\\.ts$)' },
    },
    {
      name: 'browser-has-one-door',
      comment: 'Everything else gets the host handed in, so that it runs under a virtual clock as it does in a page.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          '^src/client/client\\.ts$',
          '^src/socket/index\\.ts$',
          '^src/sockjs/sockjs-class\\.ts$',
          '^src/testing/',
          '^src/host/',
        ],
      },
      to: { path: '^src/host/browser\\.ts$' },
    },
    {
      name: 'testing-is-a-network',
      comment:
        'The fake server stands where a network does: it knows the contracts, what is on the wire and the platform, and nothing of the client.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/', pathNot: ['^src/(testing|api|wire|util)/', '^src/host/browser\\.ts$', '^src/transports/names\\.ts$'] },
    },
    {
      name: 'nothing-ships-the-tests',
      comment: 'Whoever imports the client does not load the fake server.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'server-shares-the-codec-only',
      severity: 'error',
      from: { path: '^src/server/' },
      to: { path: '^src/', pathNot: ['^src/server/', '^src/wire/', '^src/util/'] },
    },
    {
      name: 'contracts-know-the-ports-only',
      comment: 'What a store is tested by knows what any store knows, and nothing of the server that uses it.',
      severity: 'error',
      from: { path: '^src/server/testing/' },
      to: { path: '^src/', pathNot: ['^src/server/testing/', '^src/server/store/ports\\.ts$'] },
    },
    {
      name: 'server-ships-no-contracts',
      comment: 'Whoever imports the server does not load what stores are tested by.',
      severity: 'error',
      from: { path: '^src/server/', pathNot: '^src/server/testing/' },
      to: { path: '^src/server/testing/' },
    },
    {
      name: 'client-knows-no-server',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/server/', '^src/redis/', '^src/kafka/', '^src/gateway/', '^src/cli/'] },
      to: { path: ['^src/server/', '^src/kafka/', '^src/gateway/', '^src/cli/'] },
    },
    {
      name: 'kafka-knows-the-ports',
      comment:
        "An engine implements a port of the server half, with its small checks and its host. It takes the user's client, and imports none.",
      severity: 'error',
      from: { path: '^src/kafka/' },
      to: {
        pathNot: [
          '^src/kafka/',
          '^src/server/(store/ports|node/(process-)?host)\\.ts$',
          '^src/server/util/',
          '^src/util/',
          '^(node:)?[a-z_]+$',
        ],
      },
    },
    {
      name: 'nobody-knows-the-command',
      comment: 'The command is on top: it puts a server, a gateway and a store together.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'gateway-makes-options',
      comment:
        'A gateway is the options of a server: it knows their types, small checks and the client address, and not the server itself.',
      severity: 'error',
      from: { path: '^src/gateway/' },
      to: {
        path: '^src/',
        pathNot: [
          '^src/gateway/',
          '^src/server/(options|option-kinds|handlers|limits|session-offer)\\.ts$',
          '^src/server/(node/(process-)?host|store/ports|store/memory/stream|session/session-handle|adapters/client-address)\\.ts$',
          '^src/server/util/',
          '^src/util/',
          '^src/wire/',
        ],
      },
    },
    {
      name: 'redis-is-a-store',
      comment:
        'It keeps the contracts of the ports, by a client that the application hands in: no package at run time. Of the server it uses the clock and the timers.',
      severity: 'error',
      from: { path: '^src/redis/' },
      to: {
        pathNot: [
          ...['^src/redis/', '^src/server/store/ports\\.ts$', '^src/server/node/process-host\\.ts$'],
          ...['^src/util/suggest\\.ts$', '^(node:)?(buffer|crypto)$'],
        ],
      },
    },
    {
      name: 'nobody-knows-redis',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/redis/', '^src/cli/'] },
      to: { path: '^src/redis/' },
    },
    {
      name: 'no-dependency',
      comment: 'No package at run time but the framework of an entry for one.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/server/', '^src/redis/', '^src/kafka/', '^src/gateway/', '^src/cli/'] },
      to: { pathNot: ['^src/', '(^|/)(@types/)?react/', '(^|/)vue/'] },
    },
    {
      name: 'no-node',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/server/', '^src/redis/', '^src/kafka/', '^src/gateway/', '^src/cli/'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'core-knows-no-diagnosis',
      comment:
        'Whoever does not use the diagnosis does not load it: core has the verdicts, the shape of the evidence and what hides secrets.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/diagnosis/', '^src/socket/', '^src/(index|everything|client/defaults)\\.ts$'] },
      to: {
        path: '^src/diagnosis/',
        pathNot: '^src/diagnosis/(basic|classifier|verdicts|ending|safe-evidence)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'plain-knows-no-session',
      comment: 'Whoever does not use a session does not load it: the client meets it as a mode (src/api/mode.ts).',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/session/', '^src/shared/', '^src/socket/', '^src/everything\\.ts$'] },
      to: { path: '^src/session/' },
    },
    {
      name: 'frameworks-know-their-own',
      comment: 'React and Vue are known to their entries alone; what both share knows neither.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(react|vue)/' },
      to: { path: ['(^|/)(@types/)?react/', '(^|/)vue/', '^src/(react|vue)/'] },
    },
    {
      name: 'frameworks-use-the-client',
      comment: 'What frameworks share uses a client that is handed in: its types, the clock, and nothing inside of it.',
      severity: 'error',
      from: { path: '^src/frameworks/' },
      to: {
        path: '^src/',
        pathNot: ['^src/frameworks/', '^src/api/', '^src/host/timers\\.ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    { name: 'no-cycle', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    { name: 'no-orphan', severity: 'error', from: { path: '^src/', orphan: true }, to: {} },
    { name: 'no-unresolvable', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    {
      name: 'sources-stand-alone',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|demo|bench|scripts)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
}
