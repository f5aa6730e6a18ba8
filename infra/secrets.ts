import { dataKey } from './keys'
import { executors, type Deployed } from './grants'
import { prefix, production, roleArns } from './stage'

/**
 * Secrets Manager holds what the gate knows and nobody else may: made here with random values, so that no person has ever seen them, or left empty for whoever owns the target.
 * Which function may read which is said by ARN.
 */
const own = {
  session: 'sluice-session-key', mask: 'sluice-mask-key', result: 'sluice-result-key', socket: 'sluice-socket-key', console: 'sluice-console-key',
} as const
const empty = { slackToken: 'slack-bot-token', slackSigning: 'slack-signing-secret', index: 'sluice-index' } as const

const kept = (logical: string, name: string) => new aws.secretsmanager.Secret(logical, {
  name: `${prefix}/${name}`, kmsKeyId: dataKey.arn, recoveryWindowInDays: production ? 30 : 0,          // a name that waits to be deleted cannot be made again: a stage that is thrown away could not come back
}, { protect: production })

/** Nobody reads it but these roles, whatever else they may: also who put it there. (Values made here are read back by whoever deploys, so theirs have no such policy.) */
function closed(logical: string, secret: aws.secretsmanager.Secret, readers: readonly Deployed[]): aws.secretsmanager.Secret {
  new aws.secretsmanager.SecretPolicy(`${logical}Policy`, {
    secretArn: secret.arn, blockPublicPolicy: true,
    policy: roleArns(readers).apply((arns) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Sid: 'NobodyElse', Effect: 'Deny', Principal: '*', Action: 'secretsmanager:GetSecretValue', Resource: '*', Condition: { StringNotEquals: { 'aws:PrincipalArn': arns } } }] })),
  })
  return secret
}

function made(logical: string, name: string): aws.secretsmanager.Secret {
  const secret = kept(logical, name)
  const value = new random.RandomBytes(`${logical}Value`, { length: 32 })
  new aws.secretsmanager.SecretVersion(`${logical}Version`, { secretId: secret.id, secretString: value.base64 }, { ignoreChanges: ['secretString'] })   // rotated by hand or schedule, never put back by a deploy
  return secret
}

export const ownSecrets = Object.fromEntries(Object.entries(own).map(([key, name]) => [key, made(`Secret${key[0]?.toUpperCase()}${key.slice(1)}`, name)])) as Record<keyof typeof own, aws.secretsmanager.Secret>
/** Who writes to people there, and who hears what they press, which is answered without the token. */
export const slackToken = closed('SecretSlackToken', kept('SecretSlackToken', empty.slackToken), ['Approval', 'Sweeper'])
export const slackSigning = closed('SecretSlackSigning', kept('SecretSlackSigning', empty.slackSigning), ['Http'])
/** The connection string of the record's index, where there is one: `SLUICE_INDEX`. */
export const indexSecret = closed('SecretIndex', kept('SecretIndex', empty.index), ['Http', 'Sequencer'])
/** What CloudFront says to the functions behind it, so that nobody comes past the firewall by a function's own address. */
export const edgeValue = new random.RandomBytes('EdgeKey', { length: 32 })

/**
 * Credentials of targets, by the names that connections give them: `SLUICE_TARGETS=shop-read,shop-write,shop-plain`. Their values are put in by whoever owns the target
 * (`aws secretsmanager put-secret-value`), never through this.
 */
export const targets = (process.env['SLUICE_TARGETS'] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
for (const name of targets) if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) throw new Error(`SLUICE_TARGETS names \`${name}\`, which is no name of a secret`)
/** IAM takes 10 240 characters of a role's own policy, and refuses the rest in the middle of a deploy; this is what those that execute have for the ARNs of targets' secrets, each of so many beside its names. */
const [room, around] = [6000, 75]
if (targets.reduce((sum, name) => sum + around + prefix.length + name.length, 0) > room) throw new Error(`SLUICE_TARGETS names ${targets.length} secrets, more than IAM has room for in a role: at most about sixty; divide the connections over several stages`)
/** For infra/private.ts: left empty for whoever owns the target, as those above; and made, as the gate's own. */
export const closedSecret = (logical: string, name: string, readers: readonly Deployed[]) => closed(logical, kept(logical, name), readers)
export const madeSecret = made
export const targetSecrets = targets.map((name) => {
  const logical = `Target${name.replaceAll(/(^|[^a-z0-9])([a-z0-9])/g, (_, _before, first: string) => first.toUpperCase())}`
  return closed(logical, kept(logical, name), executors)
})
