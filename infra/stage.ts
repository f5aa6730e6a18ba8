import { placesOf } from './places'
import type { Deployed } from './grants'
import { vpc } from './vpc'

/** What every other file here asks about the stage. A name of one's own is for everyone's `dev`; `production` is kept from being removed, by SST, by AWS and by its people. */
export const production = $app.stage === 'production'
export const prefix = `${$app.name}-${$app.stage}`

/** `SLUICE_DOMAIN`, say `sluice.acme.dev`: agents go there, people to `console.` of it, sockets to `socket.` of it. It is the audience of tokens, so it is not left to chance. */
export const domain = named('SLUICE_DOMAIN', /^(?=.{4,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/)
/** A sender that SES may send from; without it nobody is told by mail. */
export const mailFrom = process.env['SLUICE_MAIL_FROM'] ?? ''
/** Who is told by alarms. */
export const operator = process.env['SLUICE_OPERATOR_MAIL'] ?? ''

/** Places that functions have: `SLUICE_CONCURRENCY` is what the account has in this region. */
export const places = placesOf(Number(process.env['SLUICE_CONCURRENCY'] || 1000), production ? Infinity : 60, vpc !== null)
if (places === null && production) throw new Error('SLUICE_CONCURRENCY leaves no places to reserve, and whoever waits would keep others from being served: ask AWS for more concurrent executions (Service Quotas), 1000 or more')
/** Requests of one address within five minutes, past which the firewall answers: `SLUICE_FLOOD`. Many agents may come from one address. */
export const flood = Number(process.env['SLUICE_FLOOD'] || 60_000)
if (!Number.isSafeInteger(flood) || flood < 100) throw new Error('SLUICE_FLOOD must be a number of requests, at least 100')

export const account = aws.getCallerIdentityOutput({}).accountId
export const region = aws.getRegionOutput({}).region
export const partition = aws.getPartitionOutput({}).partition

/** Roles have names of their own, so that a table, a bucket or a secret can say who may come before that role is made. */
export const roleName = (name: Deployed): string => `${prefix}-${name}`
export const roleArns = (names: readonly Deployed[]) => $resolve([partition, account]).apply(([part, owner]) => names.map((name) => `arn:${part}:iam::${owner}:role/${roleName(name)}`))

function named(name: string, form: RegExp): string {
  const value = process.env[name] ?? ''
  if (!form.test(value)) throw new Error(`${name} must be set, to a domain name of yours such as \`sluice.acme.dev\``)
  return value
}
