import { checkSources } from '../../functions/cli/policy/read.ts'
import { problemLine, readYaml } from '../../functions/cli/policy/yaml.ts'

/** Files as text → what `policy check` says of them, as lines. */
export function check(files: Readonly<Record<string, string>>) {
  const paths = Object.keys(files)
  const { bundle, problems } = checkSources(paths.map((path) => readYaml(path, files[path] ?? '')), paths)
  return { bundle, lines: problems.map(problemLine) }
}
export const shop = `version: 1
kind: connection
name: shop
engine: postgres
secrets: { write: shop-write, read: shop-read, plain: shop-plain }
classify:
  public.customers.email: pii.email
`
export const platform = `version: 1
kind: role
name: platform
members: [{ group: platform }]
rules:
  - allow: [apply, read]
    connection: sluice
    on: [policy]
`
export const role = (...rules: readonly string[]) => `version: 1
kind: role
name: r
members: [{ group: g }]
rules:
${rules.map((rule) => `  - ${rule}`).join('\n')}
`
/** What is said of one rule, from line 6 on. */
export const ruled = (rule: string, connection = shop) => check({ 'shop.yaml': connection, 'p.yaml': platform, 'r.yaml': role(rule) }).lines
