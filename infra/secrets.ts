import { dataKey } from './keys'
import { prefix, production } from './stage'

/**
 * Secrets Manager holds what the gate knows and nobody else may: made here with random values, so that no person has ever seen them, or left empty for whoever owns the target.
 * Which function may read which is said by ARN.
 */
const own = {
  session: 'sluice-session-key', mask: 'sluice-mask-key', result: 'sluice-result-key', socket: 'sluice-socket-key', console: 'sluice-console-key',
} as const
const empty = { slackToken: 'slack-bot-token', slackSigning: 'slack-signing-secret', index: 'sluice-index' } as const

const kept = (logical: string, name: string) => new aws.secretsmanager.Secret(logical, {
  name: `${prefix}/${name}`, kmsKeyId: dataKey.arn, recoveryWindowInDays: production ? 30 : 7,
}, { protect: production })

function made(logical: string, name: string): aws.secretsmanager.Secret {
  const secret = kept(logical, name)
  const value = new random.RandomBytes(`${logical}Value`, { length: 32 })
  new aws.secretsmanager.SecretVersion(`${logical}Version`, { secretId: secret.id, secretString: value.base64 }, { ignoreChanges: ['secretString'] })   // rotated by hand or schedule, never put back by a deploy
  return secret
}

export const ownSecrets = Object.fromEntries(Object.entries(own).map(([key, name]) => [key, made(`Secret${key[0]?.toUpperCase()}${key.slice(1)}`, name)])) as Record<keyof typeof own, aws.secretsmanager.Secret>
export const slackSecrets = [kept('SecretSlackToken', empty.slackToken), kept('SecretSlackSigning', empty.slackSigning)]
/** The connection string of the record's index, where there is one: `SLUICE_INDEX`. */
export const indexSecret = kept('SecretIndex', empty.index)
/** What CloudFront says to the functions behind it, so that nobody comes past the firewall by a function's own address. */
export const edgeValue = new random.RandomBytes('EdgeKey', { length: 32 })

/**
 * Credentials of targets, by the names that connections give them: `SLUICE_TARGETS=shop-read,shop-write,shop-plain`. Their values are put in by whoever owns the target
 * (`aws secretsmanager put-secret-value`), never through this.
 */
export const targets = (process.env['SLUICE_TARGETS'] ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
for (const name of targets) if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) throw new Error(`SLUICE_TARGETS names \`${name}\`, which is no name of a secret`)
export const targetSecrets = targets.map((name) => kept(`Target${name.replaceAll(/(^|[^a-z0-9])([a-z0-9])/g, (_, _before, first: string) => first.toUpperCase())}`, name))
