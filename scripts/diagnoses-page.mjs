/** The meanings of close codes (RFC 6455 §7.4.1; docs/PROTOCOL.md, rule 9). */
const meanings = {
  1000: 'normal end',
  1001: 'going away',
  1005: 'no code given',
  1008: 'policy',
  1009: 'message too big',
  1011: 'server error',
  4400: 'protocol error',
  4401: 'not authenticated',
  4403: 'forbidden',
  4408: 'no sign of life',
  4409: 'moved to another attachment',
  4410: 'the session is over',
  4413: 'too large',
  4429: 'too many',
  4500: 'internal error',
  4503: 'restarting',
}

/**
 * The text of docs/DIAGNOSES.md, from the tables of the diagnosis. `table` is `src/diagnosis/causes.ts`, `remedies` is
 * `src/diagnosis/remedies.ts`, `lab` the data of `test/faults`; they are parameters, because they are TypeScript and this is
 * not.
 */
export function diagnosesPage(table, remedies, lab) {
  const { causes, gatewayStatuses, statusRulings, statusCause, refusalCodes, closeCause, goesOn } = table
  const row = ([name, cause]) =>
    `| \`${name}\` | ${cause.family ? `\`${cause.family}\`` : ''} | ${told(cause)} | ${cause.message} | ${remedies[name]?.remedy ?? ''} |`
  const group = (...prefixes) => {
    const rows = Object.entries(causes).filter(([name]) => prefixes.includes(name.split(/[.-]/)[0]))
    return ['| cause | one of | verdict | what happened | what to do first |', '|---|---|---|---|---|', ...rows.map(row)].join(
      '\n',
    )
  }
  const codes = sorted([...Object.keys(meanings), ...refusalCodes, ...goesOn])
  const remedyOf = (name) => remedies[name]?.remedy ?? ''
  const closeRow = (code) =>
    `| \`close.${code}\` | ${meanings[code]} | ${told(closeCause(code, false))} | ${told(closeCause(code, true))} | ${remedyOf(`close.${code}`)} |`
  const statusRow = (status) => `| \`http.${status}\` | ${told(statusCause(status))} | ${remedyOf(`http.${status}`)} |`
  const statusNumbers = sorted([...gatewayStatuses, ...Object.keys(statusRulings), ...remedied(remedies, 'http.')])
  return `# Diagnoses

<!-- Written by \`npm run docs\` from src/diagnosis/causes.ts, src/diagnosis/remedies.ts and test/faults; a test compares. -->

Every \`error\` and \`close\` carries a diagnosis, and a \`diagnosis\` event follows where a few questions over plain HTTP have told
more. This page lists every cause there is, and explains the report.

- **cause** is stable: code may depend on it. Where the evidence does not tell several causes apart, it is the likeliest or the
  coarser one that they belong to (*one of*), and **candidates** are what it may be, the likeliest first.
- **certainty**: \`certain\` is proven by what was seen; \`likely\` fits best; \`possible\` is what is left.
- **verdict**: \`retry\` the same again, \`fallback\` to another transport first, or \`stop\`. With \`credentials\`, \`prepare()\` is asked once
  more before it stops; with \`not-offered\`, the transport is left out for ten minutes. An answer that is HTML means neither: the verdict
  is \`fallback\` then. \`judge()\` and \`causes\` overrule it. A verdict from something inferred (an HTTP status that a WebSocket could not show)
  stops nothing, unless it is the only transport, has never opened, and failed again after that answer.
- **what to do first** is in \`steadfast/remedies\`, so that a page loads it only if it wants to show it:
  \`new RealtimeClient(url, { causes: remedies })\`, or \`remedies[diagnosis.cause]?.remedy\` when it is needed.

Words in braces stand for what was found, where there is any.

## Not let out by the browser

${group('policy')}

## Before a connection came about

${group('net', 'tls', 'path', 'ws', 'protocol')}

## HTTP

${group('http')}

A status *s* is \`http.s\`:

| cause | verdict | what to do first |
|---|---|---|
${statusNumbers.map(statusRow).join('\n')}
| any other | ${told(statusCause(500))} | |

## What was open

${group('conn', 'stream', 'sse', 'page', 'session', 'server')}

A Close frame with code *c* is \`close.c\`. In a session (docs/PROTOCOL.md, rule 9) the codes from 4001 up mean what that says.

| cause | meaning | verdict | verdict in a session | what to do first |
|---|---|---|---|---|
${codes.map(closeRow).join('\n')}
| any other | | ${told(closeCause(1000, false))} | from 4001 up: ${told(closeCause(4999, true))} | |

## In the client

${group('client')}

## Causes of your own

Name them in the option \`causes\`, together with \`remedies\` if you want both:
[an example](reference/events.md#events).

A key is a close code, an HTTP status or the name of a cause; what is left out stays as it is.

## The follow-up questions

When a connection fails and the browser does not say why, the client asks by HTTP, all at once and with five seconds for the answers:
the same URL, once so that the page may read the answer (CORS), once so that it need not, once without following a redirection;
and the page's own origin. In a session the first of them is \`GET {url}?diagnose=<attempt>\`, by which the server tells what it saw
of the attempt. Nothing else is ever asked, no retry waits for it, and it happens at most once in a streak of failures and in 30 s.
\`probe: false\` turns it off. That something blocks WebSockets is not said before one has failed, HTTP has passed, and one has failed again.

## How to read a report

\`client.report()\` gives \`version\`, \`at\` (the time of the report), \`userAgent\`, \`options\` without secrets, \`status\`, and the last 100
\`attempts\`, each with

| member | what |
|---|---|
| \`id\`, \`transport\`, \`url\` | Which attempt, over what, where to: without user, query, and parts of the path that may be tokens (\`…\`). |
| \`dialledAt\`, \`openedAt\`, \`endedAt\` | Times of day (ISO 8601); without \`openedAt\` it never opened. |
| \`isGivenUp\`, \`isSilent\` | The client gave the attempt up, or replaced it; \`isSilent\`: because nothing was received over it. |
| \`cause\`, \`certainty\`, \`candidates\`, \`verdict\` | The diagnosis, refined where more became known. |
| \`evidence.kind\` | \`closed\`, \`answered\`, \`broken\`, \`blocked\`, \`ended\`, \`timeout\`, \`silent\` … : what the transport saw. |
| \`evidence.phase\`, \`elapsedMs\` | How far it had come, and how long that took: since the dial, or since it opened. |
| \`evidence.code\`, \`wasClean\`, \`hasErred\` | Of a WebSocket: its close, and whether \`error\` came before it. |
| \`evidence.status\`, \`contentType\` | Of an HTTP answer; a type that is not a common one is \`other\`. |
| \`evidence.engine\`, \`isOnline\`, \`isHidden\`, \`isSecurePage\` | The browser, and the page at that moment. |
| \`evidence.roundTripMs\`, \`hasHeard\`, \`hasOpened\` | What was known of the way, of this connection, and of this transport before. |
| \`evidence.violation\` | The directive of the Content-Security-Policy that forbade it. |
| \`evidence.followUp\` | \`readable\`, \`opaque\`, \`page\`: \`answered\`, \`failed\` or \`silent\` for five seconds; \`isRedirect\`; \`ledger\`: what the server saw. |
| \`evidence.isRepeated\` | It failed before those answers and after them. |
| \`evidence.lastEnd\` | In a session: what the server saw of the end, told at the return. |

It holds no query, token, session id or payload, and nothing in a server's own words, so it can be pasted in public.

${labPart(lab)}`
}

function told({ verdict, hint }) {
  return verdict + (hint ? `, ${hint}` : '')
}

/** The numbers that have a remedy. */
function remedied(remedies, prefix) {
  return Object.keys(remedies).flatMap((name) =>
    name.startsWith(prefix) ? (name.slice(prefix.length).match(/^\d+$/) ?? []) : [],
  )
}

/** The titles of the deployments. */
const deploymentTitles = {
  cors: 'Cross-origin with CORS',
  'same-origin': 'Same origin',
  'no-cors': 'Cross-origin, the server without CORS',
  boxes: 'Same origin, with proxies, firewalls, portals and service workers between',
}

function lab(counts, percent) {
  return Object.entries(deploymentTitles)
    .map(([deployment, title]) => {
      const rows = counts
        .filter((each) => each.deployment === deployment)
        .map(
          ({ engine, mode, faults, parent, exact, right, wrong, wrongCount, certainWrong }) =>
            `| ${engine} | ${mode} | ${faults} | ${percent(parent)} | ${percent(exact)} | ${percent(right)} | ${wrongCount} (${percent(wrong)}) | ${certainWrong} |`,
        )
      return [
        `### ${title}\n`,
        '| browser | mode | faults | parent exact | cause exact | told or a candidate | wrong | certain, and wrong |',
        '|---|---|---|---|---|---|---|---|',
        ...rows,
      ].join('\n')
    })
    .join('\n\n')
}

/** One row for each group of faults with equal evidence. */
function equalRows(groups) {
  const causesOf = (faults) => {
    const names = faults.map(({ expected }) => expected)
    return [...new Set(names)].map((name) => `\`${name}\` ${names.filter((each) => each === name).length}`).join(', ')
  }
  return groups.map(({ engine, told, faults }) => {
    const withCors = faults.filter(({ deployment }) => deployment === 'cors')
    const others = faults.filter(({ deployment }) => deployment !== 'cors')
    return `| ${engine} | \`${told}\` | ${causesOf(withCors)} | ${causesOf(others)} |`
  })
}

function labPart({ leftOut, counts, equal }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`
  return `## How well it does

\`npm run test:faults\` makes every fault that loopback allows (\`test/faults\`), in real browsers, and compares each diagnosis with the fault that was made.
\`npm run test:faults -- --record\` writes what the browsers saw to \`test/faults/fixtures\`, from which these tables are counted. The cause
is *exact* where it is the one right one, its *parent* where the coarser cause is right (or, where a box answers, what it answered, with
the right cause among the candidates), *wrong* where the right one is neither told nor among the candidates.

${lab(counts, percent)}

### What no page can tell apart

After these faults a page has the same evidence, so at most one family of causes can be told, and the others are candidates. The largest
group: a WebSocket failed, and a request to the same server was answered so that the page may not read it. That is what every answer of a
server without CORS headers looks like, and every answer of a proxy, a firewall or a login page, also in front of a server with CORS. So
\`ws.failed\` is told, which is all that the page has seen, with the proxy among the candidates. In Chromium these groups hold all faults
with CORS of which the parent is not exact.

| browser | told | true causes, with CORS | true causes, without CORS or same origin |
|---|---|---|---|
${equalRows(equal).join('\n')}

Left out of the lab:

${leftOut.map(({ name, cause, reason }) => `- \`${name}\` (\`${cause}\`): ${reason}`).join('\n')}
`
}

/** Each number once, in ascending order. */
function sorted(numbers) {
  return [...new Set(numbers.map(Number))].sort((a, b) => a - b)
}
