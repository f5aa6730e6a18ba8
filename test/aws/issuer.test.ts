import tls from 'node:tls'
import { expect, test } from 'vitest'
import { fetchJson } from '../../functions/aws/issuer.ts'
import { startAuthority } from '../contract/authority.ts'
import { openssl } from '../lambda/gate.ts'

/** What a function fetches of an issuer beside what test/contract/issuer.test.ts promises. */
if (openssl === undefined) console.log('skipped: what an issuer says over TLS wants openssl for a test certificate: apt-get install -y openssl')

test.skipIf(openssl === undefined)('each document comes over a connection of its own: a frozen process would find the last one dead', async () => {
  const issuer = await startAuthority()
  tls.setDefaultCACertificates([issuer.certificate])
  try {
    expect([await fetchJson(issuer.url), await fetchJson(issuer.url), issuer.connections]).toEqual([{}, {}, 2])
  } finally {
    issuer.close()
  }
})
test.each(['http://127.0.0.1/', 'HTTPS://127.0.0.1/', 'https://'])('%s is not asked: here not even this machine is spoken to without TLS', async (wrong) => {
  await expect(fetchJson(wrong)).rejects.toMatchObject({ code: 'issuer-unavailable' })
})
