import { createClient, gateUrl } from './client.ts'
import { parse, type Command } from './command.ts'
import { object, printJson, text } from './output.ts'
import { exit, Stop } from './terminal.ts'
import { visible } from './visible.ts'

const usage = 'sluice token --subject SUBJECT [--group NAME]… [options]'

export const token: Command = {
  summary: 'make a token at the local identity provider',
  help: `${usage}

  export SLUICE_TOKEN=$(sluice token --subject agent:support-bot --group support-agents)
  sluice token --subject user:omar@acme.dev --group support-leads
  sluice token --subject user:omar@acme.dev --actor agent:support-bot --ttl 15m

Prints an access token for whoever you name. Works against a gate on this machine only, and protects nothing there: \`user:\` tokens are people's and may
decide requests, \`agent:\` tokens may not.

  --group NAME       may be repeated
  --actor SUBJECT    who acts for the subject (\`act\`); repeated, the current actor comes first
  --actor-group NAME a group of every actor; may be repeated
  --ttl DURATION     90s, 15m (the default), 8h; at most 24h
  --claim NAME=VALUE one more claim; a value that is json is taken as such, any other as text; may be repeated
  --json             {access_token, token_type, expires_in}
  --exec-credential  an ExecCredential, as kubectl asks one of the commands a kubeconfig names`,
  run: async (args, { terminal }) => {
    const many = { type: 'string', multiple: true } as const
    const { values } = parse(args, {
      subject: { type: 'string' }, group: many, actor: many, 'actor-group': many, ttl: { type: 'string' }, claim: many, json: { type: 'boolean' }, 'exec-credential': { type: 'boolean' },
    }, [0, 0], usage)
    if (values.subject === undefined) throw new Stop(exit.invalid, `who is it for: --subject agent:NAME or user:NAME\nusage: ${usage}`)
    const url = gateUrl(terminal.env)
    if (!url.startsWith('http:')) throw new Stop(exit.invalid, 'only a gate on this machine makes tokens for the asking; sign in with `sluice login`')
    const actor = chain(values.actor ?? [], values['actor-group'] ?? [])
    const body = {
      subject: values.subject, groups: values.group ?? [], ...(actor ? { actor } : {}),
      ...(values.ttl === undefined ? {} : { ttl: values.ttl }), ...(values.claim ? { claims: readClaims(values.claim) } : {}),
    }
    // Without a token of ours: a provider that needs one is not the local one.
    const reply = await createClient({ url, token: null, fetch }).call('POST', '/dev/token', { body })
    const answer = object(reply.body)
    if (reply.status === 400) throw new Stop(exit.invalid, visible(text(answer['error_description'])))
    if (reply.status !== 200 || typeof answer['access_token'] !== 'string') {
      throw new Stop(exit.failed, `the gate at ${url} has no local identity provider (it answered ${reply.status}); sign in with \`sluice login\``)
    }
    if (values['exec-credential']) printJson(terminal, execCredential(answer['access_token'], answer['expires_in'], terminal.env['KUBERNETES_EXEC_INFO']))
    else if (values.json) printJson(terminal, answer)
    else terminal.out(`${visible(answer['access_token'])}\n`)
    return exit.done
  },
}

/** In the version that is asked for (`KUBERNETES_EXEC_INFO`), else the newest. It says when the token ends, so that kubectl asks again by itself. */
function execCredential(token: string, seconds: unknown, info: string | undefined): object {
  const asked = /"apiVersion":"(client\.authentication\.k8s\.io\/v1(?:beta1)?)"/.exec(info ?? '')?.[1]
  const until = typeof seconds === 'number' ? { expirationTimestamp: new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z') } : {}
  return { apiVersion: asked ?? 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token, ...until } }
}

interface Actor { readonly subject: string; readonly groups: readonly string[]; readonly actor?: Actor }
function chain([subject, ...further]: readonly string[], groups: readonly string[]): Actor | null {
  if (subject === undefined) return null
  const next = chain(further, groups)
  return { subject, groups, ...(next ? { actor: next } : {}) }
}

function readClaims(pairs: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 1) throw new Stop(exit.invalid, `a claim is NAME=VALUE, not \`${pair}\``)
    const value = pair.slice(at + 1)
    try {
      const read: unknown = JSON.parse(value)
      return [pair.slice(0, at), read]
    } catch {
      return [pair.slice(0, at), value]
    }
  }))
}
