import { generateKeyPairSync } from 'node:crypto'
import ssh2 from 'ssh2'
import { describe, expect, test } from 'vitest'
import { keyText, publicBlob } from '../../../functions/protocol/ssh/certificate.ts'
import { readHost } from '../../../functions/protocol/ssh/host.ts'

const { privateKey: key } = generateKeyPairSync('ed25519')
const line = `ssh-ed25519 ${publicBlob(key).toString('base64')} root@bastion`
const rsa = ssh2.utils.generateKeyPairSync('rsa', { bits: 2048 })
const good = { url: 'ssh://joe@bastion.internal', hostKeys: line, authority: keyText(key) }
const said = (value: object): unknown => { const read = readHost(JSON.stringify(value)); return read.ok ? read.host : read.why }

describe('the secret of a host', () => {
  test.each([
    [{}, { host: 'bastion.internal', port: 22, login: 'joe' }], [{ url: 'ssh://[2001:db8::1]:2222' }, { host: '2001:db8::1', port: 2222, login: null }], [{ url: 'ssh://10.0.0.7/' }, { host: '10.0.0.7' }],
    [{ hostKeys: [line, `${line}\n${rsa.public}\n`] }, { keys: [{ type: 'ssh-ed25519' }, { type: 'ssh-ed25519' }, { type: 'ssh-rsa' }] }], [{ authority: undefined, privateKey: rsa.private }, { credential: { key: rsa.private } }],
  ] as const)('reads %j', (change, wanted) => { expect(said({ ...good, ...change })).toMatchObject(wanted) })

  test.each<readonly [string, object]>([
    ['`url` is not', { url: 'https://joe@bastion' }], ['`url` is not', { url: 'bastion' }], ['`url` is not', { url: 'ssh://' }], ['carries a password', { url: 'ssh://joe:hunter2@bastion' }], ['carries a password', { url: 'ssh://joe@bastion/path' }], ['carries a password', { url: 'ssh://joe@bastion?identity=x' }],
    ['is not a user name', { url: 'ssh://%ff@bastion' }], ['is not a user name', { url: 'ssh://-oProxyCommand@bastion' }], ['is not a user name', { url: 'ssh://a%20b@bastion' }],
    ['`hostKeys` are not', { hostKeys: 'bastion ssh-ed25519 AAAA' }], ['`hostKeys` are not', { hostKeys: `@cert-authority * ${line}` }], ['`hostKeys` are not', { hostKeys: line.replace('ssh-ed25519', 'ssh-rsa') }], ['`hostKeys` are not', { hostKeys: 'ssh-ed25519 !!!!' }],
    ['`hostKeys` are not', { hostKeys: [line, 'ssh-dss AAAAB3NzaC1kc3MAAACB'] }], ['`hostKeys` are not', { hostKeys: '\n \n' }], ['`hostKeys` is missing', { hostKeys: [] }], ['`hostKeys` is missing', { hostKeys: undefined }],
    ['leave one', { privateKey: rsa.private }], ['has neither', { authority: undefined }], ['not an Ed25519 key', { authority: rsa.private }], ['`authority` is not a private key', { authority: line }], ['`authority` is not a private key', { authority: 'hunter2' }],
    ['`privateKey` is not a private key', { authority: undefined, privateKey: ssh2.utils.generateKeyPairSync('rsa', { bits: 2048, passphrase: 'hunter2', cipher: 'aes256-cbc' }).private }], ['member that is not known', { password: 'hunter2' }],
  ])('that is of no use is refused in words that quote none of it: %s', (words, change) => {
    const why = said({ ...good, ...change })
    expect(why).toContain(words)
    for (const value of ['hunter2', publicBlob(key).toString('base64'), keyText(key).split('\n')[2] ?? '', 'bastion.internal']) expect(why).not.toContain(value)
  })
  test.each([['', 'not JSON'], ['ssh://joe:hunter2@bastion', 'not JSON'], ['null', 'missing'], ['[]', 'missing'], [`"${'x'.repeat(70_000)}"`, 'over 64 KB']])('no JSON of ours: %j', (text, words) => {
    const read = readHost(text)
    expect(read).toMatchObject({ ok: false, why: expect.stringContaining(words) as unknown })
    expect(JSON.stringify(read)).not.toContain('hunter2')
  })
})
