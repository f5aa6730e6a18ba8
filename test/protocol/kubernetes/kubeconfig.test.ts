import { beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readKubeconfig } from '../../../functions/protocol/kubernetes/kubeconfig.ts'
import type { Authority } from '../../../functions/local/tls.ts'
import { createAuthority } from './stub.ts'

let authority: Authority
let other: Authority
beforeAll(async () => { [authority, other] = await Promise.all([createAuthority(), createAuthority()]) })

const b64 = (text: string) => Buffer.from(text).toString('base64')
const config = (cluster: object = {}, user: object = { token: 'abc.def' }, rest: object = {}) => ({
  apiVersion: 'v1', kind: 'Config', 'current-context': 'one', preferences: {}, contexts: [{ name: 'one', context: { cluster: 'k', user: 'u', namespace: 'web' } }],
  clusters: [{ name: 'k', cluster: { server: 'https://api.acme.dev:6443/k8s/c-1/', 'certificate-authority-data': b64(authority.certificate), ...cluster } }], users: [{ name: 'u', user }], ...rest,
})
const read = (value: unknown) => readKubeconfig(JSON.stringify(value))
const why = (value: unknown): string => { const found = read(value); return found.ok ? 'accepted' : found.why }

describe('what a kubeconfig may be', () => {
  test('YAML and JSON give the same cluster, with its path prefix and its own authority alone', () => {
    const [json, yaml] = [read(config()), readKubeconfig(stringify(config()))]
    expect(json).toEqual(yaml)
    expect(json).toMatchObject({ ok: true, cluster: { host: 'api.acme.dev', port: 6443, prefix: '/k8s/c-1', serverName: null, ca: authority.certificate.trim(), credential: { token: 'abc.def' } } })
  })
  test('a client certificate with its own key', () => {
    const { cert, key } = authority.issue('gate')
    expect(read(config({}, { 'client-certificate-data': b64(cert), 'client-key-data': b64(key) }))).toMatchObject({ ok: true, cluster: { credential: { key } } })
    const foreign = other.issue('gate')
    expect(why(config({}, { 'client-certificate-data': b64(cert), 'client-key-data': b64(foreign.key) }))).toContain('not of this key')
  })
  test('the one context there is, where none is called current; what it does not use may be anything', () => {
    const { 'current-context': _, ...rest } = config()
    expect(read({ ...rest, users: [...config().users, { name: 'other', user: { exec: { command: 'aws' } } }] }).ok).toBe(true)
    expect(why({ ...config(), 'current-context': 'two' })).toContain('current-context')
    expect(why({ ...config(), clusters: [] })).toContain('clusters')
  })
  test('another authority, host or prefix is another identity; another credential is not', () => {
    const identity = (value: unknown) => { const found = read(value); return found.ok ? found.cluster.identity : null }
    const plain = identity(config())
    expect(identity(config({}, { token: 'other' }))).toBe(plain)
    for (const cluster of [{ server: 'https://api.acme.dev:6443' }, { 'certificate-authority-data': b64(other.certificate) }, { 'tls-server-name': 'x' }]) expect(identity(config(cluster))).not.toBe(plain)
  })
})

describe('what it may not be', () => {
  test.each([
    ['a program', {}, { exec: { command: 'curl', apiVersion: 'client.authentication.k8s.io/v1' } }, '`exec` would run a program'],
    ['a plugin', {}, { 'auth-provider': { name: 'gcp' } }, '`auth-provider`'],
    ['a token file', {}, { tokenFile: '/etc/passwd' }, '`tokenFile` names a file'],
    ['a certificate file', {}, { token: 'x', 'client-certificate': '/x' }, '`client-certificate` names a file'],
    ['a key file', {}, { token: 'x', 'client-key': '/x' }, '`client-key` names a file'],
    ['a password', {}, { username: 'admin', password: 'x' }, '`username`'],
    ['impersonation', {}, { token: 'x', as: 'system:admin' }, '`as` impersonates'],
    ['no credential', {}, {}, 'neither a `token`'],
    ['two credentials', {}, { token: 'x', 'client-certificate-data': 'eA==', 'client-key-data': 'eA==' }, 'both'],
    ['a token that ends the header', {}, { token: 'abc\r\nImpersonate-User: system:admin' }, 'characters that no token has'],
    ['no verification', { 'insecure-skip-tls-verify': true }, { token: 'x' }, 'would believe anybody'],
    ['an authority file', { 'certificate-authority': '/etc/ssl/ca.pem' }, { token: 'x' }, '`certificate-authority` names a file'],
    ['no authority', { 'certificate-authority-data': undefined }, { token: 'x' }, '`certificate-authority-data` is missing'],
    ['an authority that is none', { 'certificate-authority-data': 'bm90IGEgY2VydA==' }, { token: 'x' }, 'not a certificate'],
    ['a proxy', { 'proxy-url': 'http://10.0.0.1:3128' }, { token: 'x' }, '`proxy-url`'],
    ['plain http', { server: 'http://api.acme.dev' }, { token: 'x' }, 'not https'],
    ['a user in the address', { server: 'https://u:p@api.acme.dev' }, { token: 'x' }, 'carries a user'],
    ['a member nobody knows', { 'tls-skip': true }, { token: 'x' }, '`tls-skip`'],
  ])('%s', (_, cluster, user, words) => {
    expect(why(config(cluster, user))).toContain(words)
  })
  test.each([
    ['aliases that multiply', 'a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]'], ['a repeated key', '{"kind":"Config","kind":"Config"}'], ['no YAML', '\t{'], ['a list', '[]'], ['nothing', ''], ['too much', `#${'x'.repeat(300 * 1024)}`],
  ])('%s', (_, text) => {
    expect(readKubeconfig(text).ok).toBe(false)
  })
  test('no refusal quotes a value of it', () => {
    const canary = 'CANARY-7f3a'
    for (const [cluster, user] of [[{}, { token: `${canary} x` }], [{}, { password: canary }], [{ server: `http://${canary}` }, { token: 'x' }], [{ 'certificate-authority-data': b64(canary) }, { token: 'x' }], [{ 'insecure-skip-tls-verify': canary }, { token: 'x' }], [{}, { token: { a: canary } }]] as const) {
      expect(why(config(cluster, user))).not.toContain(canary)
    }
    const broken = readKubeconfig(`users: [{token: ${canary}`)
    expect(JSON.stringify(broken)).not.toContain(canary)
  })
})
