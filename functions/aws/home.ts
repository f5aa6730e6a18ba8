import { Fault } from '../ports.ts'

/**
 * A deployment has one home region, and its requests, idempotency keys, intents and log are written there and nowhere else. Each of them rests on conditional writes, and a conditional write on a replica that follows
 * later is no lock: two regions would both be told that they are first, and both would execute (test/aws/home.test.ts shows it). So a function that finds itself elsewhere does not start: one deployed a second time over
 * replicated tables, or by a fail-over that nobody thought through. `SLUICE_HOME_REGION` says which region that is; what names a stage's tables (`SLUICE_TABLES`) must say it. Throws Fault internal.
 */
export function mustBeHome(region: string, env: Readonly<Record<string, string | undefined>>): void {
  const home = env['SLUICE_HOME_REGION'] || null
  if (home === null && env['SLUICE_TABLES']) throw new Fault('internal', 'SLUICE_HOME_REGION must name the one region that this deployment writes in')
  if (home !== null && home !== region) throw new Fault('internal', `this deployment writes in ${home}, and this is ${region}: a conditional write on a replica is no lock, so nothing is served here`)
}
