import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { digest } from '../../schema/bundle.ts'
import type { Bundle } from '../../schema/policy.ts'
import { checkSources, policyFiles, readPolicy } from '../cli/policy/read.ts'
import { problemLine, readYaml } from '../cli/policy/yaml.ts'
import { connectionsOf } from '../decide/difference.ts'
import { compile } from '../decide/compile.ts'
import { lookAtAll } from '../known.ts'
import type { Ports } from '../ports.ts'
import type { Progress } from './progress.ts'

/** A policy directory, and the issuer's document beside it where one was given. Throws its problems, a line each. */
export async function readBundle(directory: string, issuer: string | null): Promise<Bundle> {
  const { bundle, problems } = await readPolicy(directory).catch((error: NodeJS.ErrnoException) => { throw new Error(error.code === 'ENOENT' ? `there is no policy directory \`${directory}\`` : error.message) })
  if (bundle === null) throw new Error(`the policy in \`${directory}\` has errors:\n${problems.map(problemLine).join('\n')}`)
  if (issuer === null) return bundle
  const text = await readFile(issuer, 'utf8').catch(() => { throw new Error(`\`${issuer}\` cannot be read`) })
  const paths = (await policyFiles(directory)).filter((path) => !/\.test\.ya?ml$/.test(path))
  const sources = await Promise.all(paths.map(async (path) => readYaml(`${directory}/${path}`, await readFile(`${directory}/${path}`, 'utf8'))))
  const added = checkSources([readYaml(issuer, text)], ['issuer.yaml'])
  const [document] = added.bundle?.documents ?? []
  if (document?.document.kind !== 'issuer') throw new Error([`\`${issuer}\` is not an issuer document`, ...added.problems.map(problemLine)].join('\n'))
  if (bundle.documents.some((entry) => entry.document.kind === 'issuer' && entry.document.name === document.document.name)) return bundle
  const both = checkSources([...sources, readYaml(issuer, text)], [...paths, `issuer/${basename(issuer)}`])
  if (both.bundle === null) throw new Error(`the policy and \`${issuer}\` do not go together:\n${both.problems.map(problemLine).join('\n')}`)
  return both.bundle
}

/**
 * The first policy goes in by itself, and only into an empty store; any other is applied through the gate, by someone who may. A crash between
 * the pointer and its event leaves a policy whose coming is not on record: the next start sees the pointer and writes nothing, so the event
 * goes first, naming what is about to be tried.
 */
export async function bootstrap(ports: Pick<Ports, 'policies' | 'ledger' | 'id' | 'now' | 'engines'>, authored: Bundle, directory: string, progress: Progress): Promise<void> {
  const current = await ports.policies.pointer()
  if (current === null) {
    const { known, skipped } = await lookAtAll(ports, compile(authored).connections.values())
    for (const name of skipped) progress.warn(`connection \`${name}\` does not answer: columns that come to its tables are not noticed until a policy is applied`)
    const bundle: Bundle = { ...authored, known }
    const version = digest(bundle)
    const at = new Date(ports.now()).toISOString()
    await ports.ledger.append({
      id: ports.id('evt'), at, evaluation: ports.id('eval'), session: null, who: null, connection: 'sluice', policy: null,
      kind: 'policy', change: { what: 'bootstrap', from: null, to: version, directory, connections: connectionsOf(null, bundle) },
    })
    await ports.policies.apply(bundle, { from: null, by: 'bootstrap', at, commit: null })
    return
  }
  const present = await ports.policies.load(current.version, current.chunks).catch(() => null)       // one that cannot be read whole is another; the gate says so itself
  if (present !== null && digest({ documents: present.documents }) === digest(authored)) return
  progress.say(`the policy in ${directory} is not the one in force (${current.version.slice(0, 12)}); to put it in force: npx sluice policy apply ${directory}`)
}
