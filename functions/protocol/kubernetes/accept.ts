/** What a masker can read: JSON as it is, and JSON as a table, as metadata alone, as a list of what the server serves. */
const shapes: ReadonlySet<string> = new Set(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList', 'APIGroupDiscoveryList'])
const groups: ReadonlySet<string> = new Set(['meta.k8s.io', 'apidiscovery.k8s.io'])
/** Documents about types, no objects: kubectl reads these as protobuf and asks for nothing else. */
const openapi = /^application\/com\.github\.proto-openapi\.spec\.v[23]@v1\.0\+protobuf$/

/**
 * The Accept header that is forwarded: of what the caller offers, in its order, the forms that can be masked. Protobuf, YAML and CBOR are never asked for; clients that prefer
 * them read JSON, because the answer says what it is. `about`: what the answer is of.
 */
export function acceptOf(header: string | undefined, about: 'object' | 'log' | 'document'): string {
  if (about === 'log') return '*/*'
  const kept = (header ?? '').slice(0, 4096).split(',').flatMap((offer) => {
    const [type = '', ...parameters] = offer.split(';').map((part) => part.trim())
    if (about === 'document' && openapi.test(type)) return [type]
    if (type.toLowerCase() !== 'application/json') return []
    const shape = shapeOf(parameters)
    return shape === null ? [] : [`application/json${shape}`]
  })
  const all = [...new Set([...kept, ...(kept.some((type) => type.startsWith('application/com.')) ? [] : ['application/json'])])]
  return all.slice(0, 8).join(',')
}

/** '' for plain JSON; null: a shape that is not known. */
function shapeOf(parameters: readonly string[]): string | null {
  const given = new Map(parameters.map((parameter) => [parameter.split('=')[0] ?? '', parameter.slice(parameter.indexOf('=') + 1)]))
  const as = given.get('as')
  if (as === undefined) return ''
  const [g = '', v = '', profile] = [given.get('g'), given.get('v'), given.get('profile')]
  if (!shapes.has(as) || !groups.has(g) || !/^v[0-9][a-z0-9]{0,15}$/.test(v) || (profile !== undefined && !/^[a-z]{1,32}$/.test(profile))) return null
  return `;as=${as};g=${g};v=${v}${profile === undefined ? '' : `;profile=${profile}`}`
}
