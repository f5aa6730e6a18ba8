/**
 * HTTP scripts. One file is a story: requests in order, what each must answer, variables carried from one to the next.
 *
 *   # words for the reader; lines before the first request may also set up
 *   token: support = subject=agent:support-bot group=support-agents [actor=agent:x] [seconds=900]
 *   with: target down | store down: ledger          (in-process only: the file is skipped against a running stack)
 *
 *   POST /v1/connections/shop/query
 *   authorization: Bearer {{support}}
 *
 *   {"sql": "select 1"}                             (a body may span lines; {{repeat x 70000}} makes a long one)
 *
 *   => 200
 *   content-type: application/json                  (a header, exactly; `header: =~ /…/` by expression, `header: absent`)
 *   $.rowCount = 1                                  (JSON; also =~ /…/, !~ /…/, present, absent; `body` is the text)
 *   event <- $.receipt.event                        (captures a variable)
 */
export interface Step {
  readonly line: number
  readonly method: string
  readonly path: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string | null
  readonly status: number
  readonly expect: readonly Expectation[]
}
export type Expectation =
  | { readonly line: number; readonly kind: 'header' | 'value'; readonly of: string; readonly check: 'equals' | 'matches' | 'avoids' | 'present' | 'absent'; readonly to: string }
  | { readonly line: number; readonly kind: 'capture'; readonly of: string; readonly name: string }
export interface Script {
  readonly name: string
  readonly tokens: readonly { readonly name: string; readonly options: string }[]
  readonly faults: readonly string[]
  readonly steps: readonly Step[]
}

export function parseScript(name: string, text: string): Script {
  const lines = text.split('\n').map((line) => line.startsWith('#') ? null : line.trimEnd())
  const tokens: { name: string; options: string }[] = []
  const faults: string[] = []
  const steps: Step[] = []
  let at = 0
  const fail = (message: string): never => { throw new Error(`${name}:${at + 1}: ${message}`) }
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const token = /^token: (\w+) = (.+)$/.exec(line)
    const fault = /^with: (.+)$/.exec(line)
    if (line === '') at++
    else if (token) { tokens.push({ name: token[1] ?? '', options: token[2] ?? '' }); at++ }
    else if (fault) { faults.push(fault[1] ?? ''); at++ }
    else at = readStep(lines, at, steps, fail)
  }
  if (steps.length === 0) fail('no request')
  return { name, tokens, faults, steps }
}

function readStep(lines: readonly (string | null)[], start: number, steps: Step[], fail: (message: string) => never): number {
  const [, method = '', path = ''] = /^([A-Z]+) (\S+)$/.exec(lines[start] ?? '') ?? fail('expected a request line')
  let at = start + 1
  const headers: [string, string][] = []
  for (let line = lines[at]; line !== '' && line !== undefined && !line?.startsWith('=>'); line = lines[++at]) {
    if (line === null) continue
    const [, header = '', value = ''] = /^([\w-]+): ?(.*)$/.exec(line) ?? fail(`expected a header, not \`${line}\``)
    headers.push([header, value])
  }
  const body: string[] = []
  for (; at < lines.length && !lines[at]?.startsWith('=>'); at++) if (lines[at]) body.push(lines[at] ?? '')
  const [, status = ''] = /^=> (\d{3})$/.exec(lines[at] ?? '') ?? fail('expected `=> STATUS`')
  const expect: Expectation[] = []
  for (at++; at < lines.length && lines[at] !== ''; at++) {
    const line = lines[at]
    if (line !== null && line !== undefined) expect.push(readExpectation(line, at + 1, fail))
  }
  steps.push({ line: start + 1, method, path, headers, body: body.length === 0 ? null : body.join('\n'), status: Number(status), expect })
  return at
}

function readExpectation(line: string, number: number, fail: (message: string) => never): Expectation {
  const capture = /^(\w+) <- (\$\S*|[a-z][\w-]*)$/.exec(line)
  if (capture) return { line: number, kind: 'capture', name: capture[1] ?? '', of: capture[2] ?? '' }
  const value = /^(\$\S*|body) (?:(present|absent)|(=|=~|!~) (.+))$/.exec(line)
  const header = /^([a-z][\w-]*): ?(?:(present|absent)|(=~|!~) (\/.+)|(.+))$/.exec(line)
  if (value) return { line: number, kind: 'value', of: value[1] ?? '', check: checkOf(value[2] ?? value[3]), to: value[4] ?? '' }
  if (header) return { line: number, kind: 'header', of: header[1] ?? '', check: checkOf(header[2] ?? header[3]), to: header[4] ?? header[5] ?? '' }
  return fail(`expected a check, not \`${line}\``)
}
type Check = 'equals' | 'matches' | 'avoids' | 'present' | 'absent'
const checkOf = (sign: string | undefined): Check => {
  switch (sign) {
    case '=~': return 'matches'
    case '!~': return 'avoids'
    case 'present': case 'absent': return sign
    case '=': case undefined: return 'equals'
    default: throw new Error(`unknown check \`${sign}\``)
  }
}
