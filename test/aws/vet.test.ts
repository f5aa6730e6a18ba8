import { expect, test } from 'vitest'
import { vetted, weakness } from '../../functions/aws/vet.ts'
import { readPolicy } from '../../functions/cli/policy/read.ts'
import type { PolicyStore } from '../../functions/ports.ts'
import type { Bundle } from '../../schema/policy.ts'

const with_ = (issuer: string): Bundle => ({ documents: [{ path: 'i.yaml', document: { version: 1, kind: 'issuer', name: 'okta', issuer, audience: 'https://gate', groups: { claim: 'groups', accept: ['*'] }, agents: { subject: 'agent:{sub}' } } }] })

test.each(['http://acme.okta.com', 'https://localhost', 'https://localhost./', 'https://id.localhost', 'https://127.0.0.1:8787', 'https://127.1', 'https://0x7f.1', 'https://2130706433', 'https://[::1]', 'https://[::ffff:127.0.0.1]', 'https://0.0.0.0', 'not a url'])('a deployed gate does not serve a policy whose issuer is %s', (issuer) => {
  expect(weakness(with_(issuer))).not.toBeNull()
})
test('it serves one whose issuer is elsewhere, over https', () => {
  expect(weakness(with_('https://acme.okta.com/oauth2/default'))).toBeNull()
})
test('it does not serve the demo\'s', async () => {
  const { bundle } = await readPolicy(`${import.meta.dirname}/../../policy`)
  expect(weakness(bundle ?? with_('https://acme.okta.com'))).toContain('demo')
})
test('a policy it does not serve is a corrupt one', async () => {
  const store = { load: async () => with_('http://acme.okta.com') } as unknown as PolicyStore
  await expect(vetted(store).load('v', 1)).rejects.toMatchObject({ code: 'policy-corrupt' })
})
test('and is not applied, because nobody could apply another one after it', async () => {
  const applied: Bundle[] = []
  const store = { apply: async (bundle: Bundle) => { applied.push(bundle); return true } } as unknown as PolicyStore
  const meta = { from: 'v', by: 'user:x', at: '', commit: null }
  await expect(vetted(store).apply(with_('http://acme.okta.com'), meta)).rejects.toMatchObject({ code: 'policy-corrupt' })
  expect(vetted(store).refuses?.(with_('http://acme.okta.com'))).toContain('not https')
  expect(applied).toEqual([])
  expect([vetted(store).refuses?.(with_('https://acme.okta.com')), await vetted(store).apply(with_('https://acme.okta.com'), meta)]).toEqual([null, true])
})
