/**
 * What an API server made of the requests that reached it, held against what the gate decided: of the very request by its Audit-ID, else (a look before a write) of the same object.
 */
export interface Heard {
  readonly audit: string
  readonly user: string | null
  /** As it was written on the wire, for people. */
  readonly said: string
  /** null: no request at all. Empty texts where there is none. */
  readonly reading: { readonly isResource: boolean; readonly verb: string; readonly group: string; readonly resource: string; readonly subresource: string; readonly namespace: string; readonly name: string; readonly dryRun: boolean; /** Answered 409: nothing was done, and the gate may have tried again. */ readonly conflict?: boolean } | null
}
interface Told { readonly kind: string; readonly evaluation?: string; readonly accesses?: readonly { readonly action: string; readonly resource: string; readonly namespace?: string; readonly name?: string }[]; readonly answered?: { readonly audit: string | null } }
type Reading = NonNullable<Heard['reading']>

/** One line for each of `heard` that nothing in the record accounts for. `events`: of the record, since the first of them. */
export function disagreements(heard: readonly Heard[], events: readonly unknown[]): readonly string[] {
  const told = events as readonly Told[]
  return heard.flatMap(({ said, reading, audit }) => {
    if (reading === null) return [`${said}: no request at all`]
    const outcome = told.find((event) => event.answered?.audit === audit)
    const accesses = told.filter(({ evaluation }) => outcome === undefined || evaluation === outcome.evaluation).flatMap((event) => event.accesses ?? [])
    if (!reading.isResource) return accesses.length === 0 || (outcome === undefined && reading.verb === 'get') ? [] : [`${said}: no resource there, ${JSON.stringify(accesses)} here`]
    const resource = [reading.group, reading.resource, reading.subresource].filter((part) => part !== '').join('/')
    const about = accesses.filter((access) => access.resource === resource && (access.namespace ?? '') === homeOf(reading) && named(reading, access))
    const agreed = outcome ? about.some(({ action }) => action === reading.verb) : about.length > 0 && (reading.verb === 'get' || reading.dryRun || (reading.conflict === true && about.some(({ action }) => action === reading.verb)))
    return agreed ? [] : [`${said}: ${reading.verb} ${resource} ${reading.namespace} ${reading.name} there, ${JSON.stringify(accesses)} here`]
  })
}
/** Policy takes a namespace as lying in itself, also one that a selector names. */
const homeOf = ({ group, resource, namespace, name }: Reading): string => group === '' && resource === 'namespaces' && namespace === '' ? name : namespace
/** A create may have its name in the body alone, where the path says none. */
const named = ({ name, subresource }: Reading, access: { readonly action: string; readonly name?: string }): boolean => (access.name ?? '') === name || (access.action === 'create' && subresource === '' && name === '')
