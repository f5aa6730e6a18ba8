import { isIP } from 'node:net'
import type { Bundle } from '../../schema/policy.ts'
import { Fault, type PolicyStore } from '../ports.ts'

/**
 * What a deployed gate refuses to serve, whoever applied it: a policy nobody outside vouches for. The demo's has no issuer document, because the
 * local provider is implied there; an issuer over plain http, or on the machine itself, is one that anybody on the way or beside us can be. Nor is one applied: served by nobody, it would let nobody in to apply another.
 */
export function vetted(policies: PolicyStore): PolicyStore {
  return {
    ...policies,
    refuses: weakness,
    async apply(bundle, meta) {
      const wrong = weakness(bundle)
      if (wrong !== null) throw new Fault('policy-corrupt', wrong)
      return policies.apply(bundle, meta)
    },
    async load(version, chunks) {
      const bundle = await policies.load(version, chunks)
      const wrong = weakness(bundle)
      if (wrong !== null) throw new Fault('policy-corrupt', wrong)
      return bundle
    },
  }
}

/** null when there is none. */
export function weakness({ documents }: Bundle): string | null {
  const issuers = documents.flatMap(({ document }) => (document.kind === 'issuer' ? [document] : []))
  if (issuers.length === 0) return 'the policy names no issuer: this is the demo\'s, or one for the local provider alone'
  for (const { name, issuer } of issuers) {
    const url = URL.parse(issuer)
    if (url?.protocol !== 'https:') return `issuer ${name} is not https`
    const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
    if (host === 'localhost' || host.endsWith('.localhost') || loopback(host)) return `issuer ${name} is on the machine itself`
  }
  return null
}
/** `URL` has written every IPv4 spelling (`127.1`, `0x7f.1`, `2130706433`) as four numbers, and IPv6 in its shortest form. */
const loopback = (host: string): boolean => (isIP(host) === 4 && /^(127|0)\./.test(host)) || (isIP(host) === 6 && /^(::1?|::ffff:(7f|0)[0-9a-f]{0,2}:.*)$/i.test(host))
