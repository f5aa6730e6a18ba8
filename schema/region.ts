import { createHash } from 'node:crypto'

/**
 * A deployment in several regions. Each has requests, idempotency keys, intents and a log of its own, which are written there and nowhere else: each rests on conditional writes, and a conditional write on a replica that
 * follows later is no lock. So every id and every key names its region. Policy and locks are written in the first region, and read everywhere from a replica.
 */
export interface Regions {
  readonly here: string
  /** Region → its gate's https address, without a slash at the end. The first is where the policy is written. */
  readonly urls: ReadonlyMap<string, string>
}
const symbols = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const id = /^[a-z]+_[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/**
 * The two symbols that stand for a region in each id made there, behind its time and the symbol with the head room: ten bits of SHA-256 of the region's name, so that they are the same whatever regions come and go. An id
 * stays a ULID; it has 64 bits of chance left.
 */
export function codeOf(region: string): string {
  const bits = createHash('sha256').update(region).digest().readUInt16BE() >> 6
  return `${symbols.charAt(bits >> 5)}${symbols.charAt(bits & 31)}`
}

/** `eu-central-1=https://sluice.acme.dev,us-east-1=https://us.sluice.acme.dev`; the first is the policy's. Throws Error for what is none of that, for a region named twice, and for two that ids could not tell apart. */
export function readRegions(text: string): Regions['urls'] {
  const urls = new Map<string, string>()
  for (const one of text.split(',')) {
    const [, region, url] = /^([a-z]{2}(?:-[a-z]+)+-\d)=(https:\/\/[a-z0-9.:-]+)$/.exec(one.trim()) ?? []
    if (region === undefined || url === undefined || urls.has(region)) throw new Error(`SLUICE_REGIONS: \`${one.trim().slice(0, 200)}\` is not a region, once, and the https address of its gate`)
    if ([...urls.keys()].some((other) => codeOf(other) === codeOf(region))) throw new Error(`SLUICE_REGIONS: ids could not tell ${region} from another of these regions`)
    urls.set(region, url)
  }
  if (urls.size < 2) throw new Error('SLUICE_REGIONS must name several regions, or be left out')
  return urls
}

/** Where else an id of ours was made, by what it says itself: it may be invented. null: here, or nowhere that is known, or there is one region only. */
export function elsewhere(regions: Regions | undefined, made: string): { readonly region: string; readonly url: string } | null {
  if (!regions || !id.test(made)) return null
  const code = made.slice(made.indexOf('_') + 12, made.indexOf('_') + 14)
  return awayFrom(regions, [...regions.urls.keys()].find((region) => codeOf(region) === code))
}

/** Where else an idempotency key belongs: to the region it begins with (`us-east-1:…`), else to the first. null: it belongs here. */
export function keptElsewhere(regions: Regions | undefined, key: string): { readonly region: string; readonly url: string } | null {
  if (!regions) return null
  const [first] = regions.urls.keys()
  return awayFrom(regions, [...regions.urls.keys()].find((region) => key.startsWith(`${region}:`)) ?? first)
}

function awayFrom({ here, urls }: Regions, region: string | undefined) {
  const url = region === undefined ? undefined : urls.get(region)
  return region === undefined || url === undefined || region === here ? null : { region, url }
}
