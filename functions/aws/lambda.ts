import { Fault, type Ports, type Post, type Secrets } from '../ports.ts'
import { placeOf } from './dynamo.ts'
import { regionsOf } from './home.ts'
import { fetchJson } from './issuer.ts'
import { createChat, createPost } from './post.ts'
import { createVault } from './secrets.ts'

type Env = Readonly<Record<string, string | undefined>>
type Parts = Pick<Ports, 'secrets' | 'fetchJson' | 'alarm' | 'self'>

/**
 * What every Lambda function brings itself, from its environment. `SLUICE_PUBLIC_URL` is the gate's own address, `SLUICE_CONSOLE_URL` that of the pages people see where
 * it is another. `SLUICE_SECRETS` says where in Secrets Manager the secrets lie; without it one named `shop-read` is `SLUICE_SECRET_SHOP_READ`. Throws where the gate has no https address.
 */
export function createLambdaParts(env: Env = process.env): Parts & { readonly post: Post } {
  const parts = partsOf(env)
  return { ...parts, post: createPost(parts.secrets, env) }
}

/** The same for functions that answer callers: people are told of requests by others, so nothing of SES is in their bundles. */
export function createAnsweringParts(env: Env = process.env): Parts & { readonly post: Post } {
  const parts = partsOf(env)
  return { ...parts, post: createChat(parts.secrets, env) }
}

function partsOf(env: Env): Parts {
  const https = (name: string): string => {
    const url = (env[name] ?? '').replace(/\/+$/, '')
    if (!url.startsWith('https://')) throw new Error(`${name} must be the https address of this gate`)
    return url
  }
  const url = https('SLUICE_PUBLIC_URL')
  const regions = regionsOf(env)
  return { fetchJson, alarm: speak, secrets: createSecrets(env), self: { url, console: env['SLUICE_CONSOLE_URL'] === undefined ? url : https('SLUICE_CONSOLE_URL'), localIssuer: null, ...(regions && { regions }) } }
}

/** Secrets Manager where `SLUICE_SECRETS` says where in it they lie, else the environment. */
export function createSecrets(env: Env = process.env): Secrets {
  return env['SLUICE_SECRETS'] ? createVault({ ...placeOf(env), endpoint: vaultOf(env), prefix: env['SLUICE_SECRETS'], now: Date.now }) : {
    async get(name) {
      const value = env[`SLUICE_SECRET_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`]
      if (!value) throw new Fault('secret-missing', `no secret ${name}`)
      return value
    },
  }
}

const vaultOf = (env: Env): string => env['AWS_ENDPOINT_URL_SECRETS_MANAGER'] ?? `https://secretsmanager.${placeOf(env).region}.amazonaws.com`

/** One line of JSON on standard error is what a log group's alarms read. */
export const speak: Ports['alarm'] = (what, detail) => { process.stderr.write(`${JSON.stringify({ alarm: what, ...detail })}\n`) }
