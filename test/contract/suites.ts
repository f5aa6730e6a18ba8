/** Which tests are of a contract suite, and what of their titles is the port, what the adapter, what the promise. */
export interface Place { readonly port: string; readonly promise: string; readonly adapter: string }

/** Answers of AWS that are none, before each adapter that stands alone: test/aws/injected.test.ts. */
export const injected = 'answers that are none'
/** Suites that have an adapter only. */
const alone: Readonly<Record<string, readonly [string, string]>> = { 'the workflow of a request': ['workflow', 'sdk'], 'a step': ['workflow, its steps', 'any'] }
const here = 'the gate itself'
const apart = 'a private function'

interface Suite {
  readonly file: string
  readonly port: string
  /** What the outer title is, whole or with its adapter in it. After it may stand why the suite is skipped. */
  readonly title: RegExp
  /** Of a title without its adapter. */
  readonly adapter?: string
  /** Inner titles that come before the promise: those of another, or of none, are tests of that file's own. */
  readonly within?: string
}
/** Suites that lie beside their engine. Servers of several versions are one column: a promise is kept where it is kept on each. */
const suites: readonly Suite[] = [
  { file: 'test/aws/sockets.test.ts', port: 'sockets, what is kept of them', title: /^connections in DynamoDB by (\w+)$/ },
  { file: 'test/protocol/postgres/execute.test.ts', port: 'target: PostgreSQL', title: /^on a real server, \d+, by (\w+)$/ },
  { file: 'test/protocol/postgres/execute.stop.test.ts', port: 'target: PostgreSQL', title: /^on a real server, \d+, by (\w+)$/ },
  { file: 'test/protocol/postgres/render.test.ts', port: 'target: PostgreSQL, its values', title: /^values of a real server, \d+, by (\w+)$/ },
  { file: 'test/protocol/mysql/execute.test.ts', port: 'target: MySQL', title: /^a plan on a real server, by (\w+)(?: \(.*)?$/s },
  { file: 'test/protocol/mysql/execute.stop.test.ts', port: 'target: MySQL', title: /^a plan on a real server, by (\w+)(?: \(.*)?$/s },
  { file: 'test/protocol/mysql/execute.session.test.ts', port: 'target: MySQL', title: /^a plan on a real server, by (\w+)(?: \(.*)?$/s },
  { file: 'test/protocol/ssh/ways.test.ts', port: 'target: a host', title: new RegExp(`^by (${here}|${apart})(?: \\(.*)?$`, 's') },
  { file: 'test/kubectl/suite.test.ts', port: 'target: a cluster, each command of kubectl answered as the cluster itself does', title: /^kubectl through the gate$/, adapter: here, within: 'answers whoever may see everything as the cluster itself does' },
  { file: 'test/kubectl/private.test.ts', port: 'target: a cluster, each command of kubectl answered as the cluster itself does', title: /^kubectl, and a cluster that only a private network reaches$/, adapter: apart, within: 'answers as the cluster itself does' },
]

export const files: readonly string[] = ['test/contract', ...['idempotency', 'keys', 'ledger', 'meter', 'policies', 'requests', 'injected'].map((name) => `test/aws/${name}.test.ts`), ...suites.map(({ file }) => file)]

/** `objects by disk > what was created …` → its row and column; null: a test of one adapter's own. */
export function placeOf([outer = '', ...rest]: readonly string[], file: string): Place | null {
  const suite = suites.find((one) => file.endsWith(one.file))
  if (suite !== undefined) {
    const adapter = suite.title.exec(outer) && (suite.adapter ?? suite.title.exec(outer)?.[1])
    if (adapter === null || adapter === undefined || (suite.within !== undefined && suite.within !== rest[0])) return null
    return { port: suite.port, promise: rest.slice(suite.within === undefined ? 0 : 1).join(': '), adapter }
  }
  if (file.endsWith('injected.test.ts')) return { port: injected, promise: rest.join(': '), adapter: outer }
  const [, port, adapter] = /^([a-z ]+) by (.+)$/.exec(outer) ?? ['', ...alone[outer] ?? []]
  return port === undefined || adapter === undefined || port === '' ? null : { port, promise: rest.join(': '), adapter }
}
