import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { redactText, redactValue } from '../../functions/record/redact.ts'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jws = `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ sub: 'agent:bot' })}.c2lnbmF0dXJl-_09`
const jwe = `${part({ alg: 'dir', enc: 'A256GCM' })}..aXY.Y2lwaGVy.dGFn`
const pem = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIJ/secret+lines==\nmore\n-----END EC PRIVATE KEY-----'
const secrets: readonly (readonly [what: string, text: string, secret: string])[] = [
  ['a token', `select '${jws}'`, jws], ['a token beside another', `${jws},${jws}`, jws], ['a token after a name', `token=${jws};x`, jws], ['a token in dots', `a.b.${jws}`, 'c2lnbmF0dXJl'],
  ['an encrypted token', `x ${jwe} y`, 'Y2lwaGVy'], ['an unsigned token', `x ${part({ alg: 'none' })}.${part({ sub: 'x' })}.`, part({ sub: 'x' })],
  ['a private key', `insert '${pem}'`, 'secret+lines'], ['a private key cut off', `x ${pem.slice(0, 60)}`, 'MHcCAQEEIJ/'], ['a pkcs8 key', pem.replaceAll('EC ', ''), 'secret+lines'],
  ['a pgp key', '-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----', 'lQOYBF'],
  ['an authorization header', 'Authorization: Bearer opaque', 'opaque'], ['one in json', '{"authorization": "Token abcdef"}', 'abcdef'], ['one of digest', 'authorization=Digest x-secret-y', 'x-secret-y'],
  ['a bearer', 'curl -H "x: Bearer 9f8e7d6c5b4a39281706"', '9f8e7d6c5b4a39281706'], ['basic', `basic ${Buffer.from('user:hunter2').toString('base64')}`, Buffer.from('user:hunter2').toString('base64')],
  ['a connection url', "dblink('postgres://shop:hunt@er2@db.acme.dev:5432/shop')", 'er2@db'.slice(0, 3)], ['one without a user', 'redis://:hunter2@cache/0', 'hunter2'], ['two', 'a://u:one1@h b://u:two2@h', 'two2'],
  ['an access key id', 'AKIAIOSFODNN7EXAMPLE', 'IOSFODNN7'], ['a secret access key', 'secret = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'K7MDENG'],
  ['a password literal', "alter role x password 'hunt''er2'", 'hunt'], ['identified by', 'create user x identified  by "hunter2"', 'hunter2'], ['a dsn', 'host=x password=hunter2 dbname=y', 'hunter2'],
  ['a column of passwords', "where user_password = E'hunter2'", 'hunter2'], ['github', `x ghp_${'a1B2'.repeat(9)}`, 'a1B2a1B2'], ['slack', 'xoxb-123456789012-abcdef', '123456789012'], ['stripe', 'sk_live_abcdefghijklmnop', 'abcdefghijklmnop'],
]

describe('redact', () => {
  test.each(secrets)('%s is kept out', (_, text, secret) => {
    expect(text).toContain(secret)
    const redacted = redactText(text)
    expect(redacted).not.toContain(secret)
    expect(redacted).toContain('[redacted: ')
  })

  test.each([
    "select a.b.c, x from public.orders where email like '%@example.com' and id = 'eyJ' limit 5", 'select basic authentication, bearer certificates from t', 'select * from users where passwords is null',
    'https://example.com/path?a=b:c@d'.replace('@', '%40'), 'update t set sha = \'da39a3ee5e6b4b0d3255bfef95601890afd80709\'', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', 'postgres://db.acme.dev:5432/shop', 'eyJ.eyJ.x',
    'select identified, by_whom from t', `select '${'x'.repeat(40)}'`,
    'ses_01M817QNM0C3XQ88EJ51EAM6K07LQSgAuE9amE3O_o2RLzh3lmJPxWOnuqEbGo1vLeE5Q', 'session ses_01M817QNM07HCCCXBKH2M41BQ0ugpddGqDOtt94D_LOjHa7LEsVHWlGYob34ZymVC1DuI, erased',
  ])('%s stays whole', (text) => {
    expect(redactText(text)).toBe(text)
  })

  test('the rest of the text stays, so that an auditor can read it', () => {
    expect(redactText("select dblink('postgres://shop:hunter2@db/shop', 'select 1') -- why")).toBe("select dblink('postgres://shop:[redacted: password]@db/shop', 'select 1') -- why")
    expect(redactText(`a ${jws} b`)).toBe('a [redacted: jwt] b')
    expect(redactText(`a ${pem} b ${pem} c`)).toBe('a [redacted: private key] b [redacted: private key] c')
  })

  test('a session does not hide what stands beside it or in its form', () => {
    const id = 'ses_01M817QNM0C3XQ88EJ51EAM6K07LQSgAuE9amE3O_o2RLzh3lmJPxWOnuqEbGo1vLeE5Q'
    expect(redactText(`${id} ${jws} ${id},password='x'`)).toBe(`${id} [redacted: jwt] ${id},password='[redacted: password]'`)
    for (const text of [`x${id}`, `${id}x`, id.replace('01M', '01U')]) expect(redactText(text)).toContain('[redacted: key]')
  })

  test('values are walked, members that say what they hold are replaced whole, and nothing else changes', () => {
    expect(redactValue([1, null, true, { client_secret: 'x', Password: 'y', apiKey: 'z', token: '', note: jws, list: [{ access_token: 'q' }], password: 5, tokens: 'kept' }])).toEqual(
      [1, null, true, { client_secret: '[redacted: secret]', Password: '[redacted: secret]', apiKey: '[redacted: secret]', token: '', note: '[redacted: jwt]', list: [{ access_token: '[redacted: secret]' }], password: 5, tokens: 'kept' }])
    let deep: unknown = jws
    for (let i = 0; i < 200; i++) deep = [deep]
    expect(JSON.stringify(redactValue(deep))).not.toContain(jws)
    expect(JSON.stringify(redactValue(JSON.parse('{"__proto__": {"token": "x"}}')))).toBe('{"__proto__":{"token":"[redacted: secret]"}}')
  })

  test('redacting twice is redacting once', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom(...secrets.map(([, text]) => text), ' ', '.', '://', '@', "'", 'password '))), (pieces) => {
      const once = redactText(pieces.join(''))
      expect(redactText(once)).toBe(once)
    }), { numRuns: 500 })
  })

  /** No time is asserted: a quadratic step holds the process for minutes (`eyJ` without a dot once did, 131 s) and runs into the runner's own limit. */
  test.each([
    'eyJ', 'eyJ.', '-----BEGIN ', '-----BEGIN PRIVATE KEY', '-----BEGIN PRIVATE KEY-----', '://', 'a://b:', 'a://b ', '@://', 'bearer ', 'bearer', 'basic ', 'authorization:', 'authorization   ', "password '", 'password  ', "password ''", 'password=', 'sk-', 'ghp_', 'A1a/', 'xox', 'a.', `${part({ alg: 'x' })}.`,
  ])('256 KB of `%s` is linear work', (piece) => {
    expect(redactText(piece.repeat(Math.ceil(262_144 / piece.length)))).not.toBe('')
  })
})
