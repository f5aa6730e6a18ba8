/** What every other file here asks about the stage. A name of one's own is for everyone's `dev`; `production` is kept from being removed, by SST, by AWS and by its people. */
export const production = $app.stage === 'production'
export const prefix = `${$app.name}-${$app.stage}`

/** `SLUICE_DOMAIN`, say `sluice.acme.dev`: agents go there, people to `console.` of it, sockets to `socket.` of it. It is the audience of tokens, so it is not left to chance. */
export const domain = named('SLUICE_DOMAIN', /^(?=.{4,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$/)
/** A sender that SES may send from; without it nobody is told by mail. */
export const mailFrom = process.env['SLUICE_MAIL_FROM'] ?? ''
/** Who is told by alarms. */
export const operator = process.env['SLUICE_OPERATOR_MAIL'] ?? ''

export const account = aws.getCallerIdentityOutput({}).accountId
export const region = aws.getRegionOutput({}).region
export const partition = aws.getPartitionOutput({}).partition

function named(name: string, form: RegExp): string {
  const value = process.env[name] ?? ''
  if (!form.test(value)) throw new Error(`${name} must be set, to a domain name of yours such as \`sluice.acme.dev\``)
  return value
}
