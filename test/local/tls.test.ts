import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFront } from '../../functions/local/front.ts'
import { keepAuthority } from '../../functions/local/tls.ts'

let directory: string
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'sluice-tls-')) })
afterAll(() => rm(directory, { recursive: true, force: true }))
const now = Date.now
const yearMs = 365 * 86_400_000

describe('the authority of this machine', () => {
  it('issues certificates for loopback that it signed, and nobody else', async () => {
    const [one, other] = [await keepAuthority(null, now), await keepAuthority(null, now)]
    const parent = new X509Certificate(one.certificate)
    const { cert } = one.issue('a server')
    const leaf = new X509Certificate(cert)
    expect([parent.ca, leaf.ca, leaf.verify(parent.publicKey), leaf.checkIssued(parent), leaf.verify(new X509Certificate(other.certificate).publicKey)]).toEqual([true, false, true, true, false])
    expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1'), leaf.checkHost('localhost'), leaf.checkHost('acme.dev'), leaf.checkIP('10.0.0.1')]).toEqual(['127.0.0.1', '::1', 'localhost', undefined, undefined])
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(new Set([1, 2, 3].map(() => new X509Certificate(one.issue('x').cert).serialNumber)).size).toBe(3)
  })
  it('is kept, closed to others, so that a kubeconfig goes on working; a corrupt one is said and not replaced', async () => {
    const { certificate } = await keepAuthority(directory, now)
    const file = join(directory, 'tls.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await keepAuthority(directory, now)).certificate).toBe(certificate)
    const kept = await readFile(file, 'utf8')
    const other = await keepAuthority(null, now)
    for (const content of ['', '{}', 'x', JSON.stringify({ ...JSON.parse(kept) as object, certificate: other.certificate })]) {
      await writeFile(file, content)
      await expect(keepAuthority(directory, now)).rejects.toThrow(/corrupt state: `.*tls\.json` holds no usable certificate authority; delete it/)
    }
    await writeFile(file, kept)
    expect((await keepAuthority(directory, () => now() + 9.5 * yearMs)).certificate).not.toBe(certificate)      // what ends soon is made anew
  })
  it('stands behind a front that whoever trusts it reaches, and whoever does not does not', async () => {
    const authority = await keepAuthority(null, now)
    const front = await openFront(0, '127.0.0.1', authority.issue('front'))
    front.serve((asked, response) => { response.end(asked.url) })
    const ask = (ca: string, path: string, host = '127.0.0.1') => new Promise<string>((done) => {
      request({ hostname: '127.0.0.1', port: new URL(front.url).port, path, ca, agent: false, headers: { host }, servername: '', checkServerIdentity: () => undefined }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => done(`${response.statusCode} ${text}`))
      }).on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error')).end()
    })
    expect(front.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    expect(await ask(authority.certificate, '/v1/kubernetes/c/api/../x/%2F//y?a=b;c')).toBe('200 /v1/kubernetes/c/api/../x/%2F//y?a=b;c')      // the target as it came, to the byte
    expect(await ask((await keepAuthority(null, now)).certificate, '/')).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|CERT/)
    expect(await ask(authority.certificate, '/', 'evil.example')).toMatch(/^421/)
    await front.close()
  })
})
