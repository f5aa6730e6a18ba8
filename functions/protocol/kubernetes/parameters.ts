import { ok, type Result } from '../../../schema/refusal.ts'
import type { Attributes } from './plan.ts'
import { clip, unreadable, unsupported } from './say.ts'
import { labelKeys, termsOf } from './selector.ts'

/** How a parameter may look, and what it is forwarded as; null: not so. */
type Form = (value: string) => string | null
const matching = (pattern: RegExp): Form => (value) => (pattern.test(value) ? value : null)
/** Servers take anything but `false` and `0` for true, the empty text included: one spelling of each is forwarded. */
const flag: Form = (value) => (/^(true|1)$/i.test(value) ? 'true' : /^(false|0)$/i.test(value) ? 'false' : null)
const off: Form = (value) => (flag(value) === 'false' ? 'false' : null)
const count = matching(/^[0-9]{1,15}$/)
const word = matching(/^[A-Za-z0-9._:=@+/-]{0,253}$/)
const any = matching(/^[^\0]*$/)
const oneOf = (...values: readonly string[]): Form => (value) => (values.includes(value) ? value : null)

const common = { pretty: flag } as const
const reading = { ...common, resourceVersion: count } as const
const selecting = {
  ...reading, resourceVersionMatch: oneOf('Exact', 'NotOlderThan', ''), limit: count, continue: matching(/^[A-Za-z0-9+/=_-]*$/), timeoutSeconds: count, timeout: matching(/^[0-9]{1,6}[a-z]{0,2}$/),
  fieldSelector: (value: string) => (termsOf(value) === null ? null : value), labelSelector: (value: string) => (labelKeys(value) === null ? null : value),
} as const
const writing = { ...common, dryRun: oneOf('All'), fieldManager: matching(/^[\x20-\x7e]{0,128}$/), fieldValidation: oneOf('Ignore', 'Warn', 'Strict', '') } as const
const deleting = { ...common, dryRun: oneOf('All'), gracePeriodSeconds: count, orphanDependents: flag, propagationPolicy: oneOf('Orphan', 'Background', 'Foreground') } as const
const includeObject = oneOf('None', 'Metadata', 'Object')
const ofVerb: Readonly<Record<Attributes['verb'], Readonly<Record<string, Form>>>> = {
  get: { ...reading, includeObject },
  list: { ...selecting, watch: flag, includeObject, allowWatchBookmarks: flag, sendInitialEvents: flag },
  watch: { ...selecting, watch: flag, includeObject, allowWatchBookmarks: flag, sendInitialEvents: flag },
  create: writing, update: writing, patch: { ...writing, force: flag }, delete: deleting, deletecollection: { ...selecting, ...deleting },
}
const ofLog = {
  ...common, container: word, follow: flag, previous: flag, sinceSeconds: count, sinceTime: matching(/^[0-9TZ:.+-]{10,40}$/), timestamps: flag, tailLines: count, limitBytes: count,
  stream: oneOf('All', 'Stdout', 'Stderr'), insecureSkipTLSVerifyBackend: off,
} as const
const ofExec = { container: word, command: any, stdout: flag, stderr: flag, stdin: off, tty: off } as const
/** Discovery and its like: what hashes documents, and the questions of health checks. */
const ofPath = { hash: word, verbose: flag, exclude: word, timeout: matching(/^[0-9]{1,6}[a-z]{0,2}$/) } as const

/** Parameters by allow-list: one the gate does not know could mean anything to a newer server. Gives them as they are forwarded. */
export function parametersOf(attributes: Attributes, query: ReadonlyMap<string, readonly string[]>): Result<ReadonlyMap<string, readonly string[]>> {
  const known = knownFor(attributes)
  const out = new Map<string, readonly string[]>()
  for (const [key, values] of query) {
    const form = Object.hasOwn(known, key) ? known[key] : undefined
    if (!form) return unsupported('parameter', `parameter \`${clip(key)}\` is not known for ${attributes.verb}; there are ${Object.keys(known).join(', ')}`)
    const forms = values.map(form)
    const wrong = forms.indexOf(null)
    if (wrong !== -1) return unreadable('parameter_value', `parameter \`${clip(key)}\` may not be \`${clip(values[wrong] ?? '')}\``)
    out.set(key, forms.filter((value) => value !== null))
  }
  return ok(out)
}

function knownFor({ verb, isResource, resource, subresource, group }: Attributes): Readonly<Record<string, Form>> {
  if (!isResource) return ofPath
  if (group === '' && resource === 'pods' && subresource === 'log') return ofLog
  if (group === '' && resource === 'pods' && subresource === 'exec') return ofExec
  return ofVerb[verb]
}
