import { readRegions, type Regions } from '../../schema/region.ts'
import { Fault } from '../ports.ts'
import type { Place } from './dynamo.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Each deployment writes in one region, and its requests, idempotency keys, intents and log are nowhere else. Each of them rests on conditional writes, and a conditional write on a replica that follows
 * later is no lock: two regions would both be told that they are first, and both would execute (test/aws/home.test.ts shows it). So a function that finds itself elsewhere does not start: one deployed a second time over
 * replicated tables, or by a fail-over that nobody thought through. `SLUICE_HOME_REGION` says which region that is; what names a stage's tables (`SLUICE_TABLES`) must say it. Throws Fault internal.
 */
export function mustBeHome(region: string, env: Env): void {
  const home = env['SLUICE_HOME_REGION'] || null
  if (home === null && env['SLUICE_TABLES']) throw new Fault('internal', 'SLUICE_HOME_REGION must name the one region that this deployment writes in')
  if (home !== null && home !== region) throw new Fault('internal', `this deployment writes in ${home}, and this is ${region}: a conditional write on a replica is no lock, so nothing is served here`)
}

/**
 * Regions with a deployment each, that have one policy: `SLUICE_REGIONS` (schema/region.ts), the same in all of them. undefined: there is this one only. Throws Fault internal where this region is not among
 * them, or is said to have another address.
 */
export function regionsOf(env: Env): Regions | undefined {
  const text = env['SLUICE_REGIONS']
  const here = env['SLUICE_HOME_REGION']
  if (!text) return undefined
  let urls: Regions['urls']
  try {
    urls = readRegions(text)
  } catch (cause) {
    throw new Fault('internal', cause instanceof Error ? cause.message : 'SLUICE_REGIONS is not readable', { cause })
  }
  if (!here || urls.get(here) !== env['SLUICE_PUBLIC_URL']?.replace(/\/+$/, '')) throw new Fault('internal', 'SLUICE_REGIONS must name SLUICE_HOME_REGION with the address of this gate')
  return { here, urls }
}

/**
 * Where the policy is written, for a region that reads a replica of it; null: here. `SLUICE_POLICY_TABLES` is what that deployment's tables begin with, because the replica has the name of the table it follows. Throws
 * Fault internal.
 */
export function policyHomeOf(place: Place, env: Env): Place | null {
  const regions = regionsOf(env)
  const [first] = regions?.urls.keys() ?? []
  if (regions === undefined || first === undefined || first === regions.here) return null
  if (!env['SLUICE_POLICY_TABLES']) throw new Fault('internal', 'SLUICE_POLICY_TABLES must say what the tables of the policy\'s own region begin with')
  return { ...place, region: first, endpoint: env['SLUICE_POLICY_ENDPOINT'] ?? `https://dynamodb.${first}.amazonaws.com`, tables: env['SLUICE_POLICY_TABLES'] }
}
