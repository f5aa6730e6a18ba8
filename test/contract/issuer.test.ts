import type { ServerResponse } from 'node:http'
import tls from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fetchJson as deployed } from '../../functions/aws/issuer.ts'
import { fetchJson as here } from '../../functions/local/fetch.ts'
import type { Ports } from '../../functions/ports.ts'
import { openssl } from '../lambda/gate.ts'
import { type Authority, startAuthority } from './authority.ts'

/** What `fetchJson` promises, whoever keeps it: the keys that tokens are checked with come by it. What each fetches beside https is its own, and tested there. */
if (openssl === undefined) console.log('skipped: what an issuer says over TLS wants openssl for a test certificate: apt-get install -y openssl')
const adapters: readonly (readonly [string, Ports['fetchJson']])[] = [['a function of AWS', deployed], ['this machine', here]]
const canary = 'CANARY-5d1e'

describe.skipIf(openssl === undefined).each(adapters)('documents of an issuer by %s', (_, fetchJson) => {
  let issuer: Authority
  let unknown: Authority
  beforeAll(async () => {
    [issuer, unknown] = await Promise.all([startAuthority(), startAuthority()])
    tls.setDefaultCACertificates([issuer.certificate])
  })
  beforeEach(() => { issuer.asked.length = 0 })
  afterAll(() => { issuer?.close(); unknown?.close() })
  const asked = () => issuer.asked.map(({ method, url, headers }) => `${method} ${url} ${headers.accept}`)

  test('a document is read as it is, at its whole address, each time anew', async () => {
    let count = 0
    issuer.answer = (_request, response) => { const text = Buffer.from(`{"keys": ["ü${++count}"]}`); response.write(text.subarray(0, 12)); setImmediate(() => response.end(text.subarray(12))) }   // in the midst of a character
    expect([await fetchJson(issuer.url), await fetchJson(issuer.url)]).toEqual([{ keys: ['ü1'] }, { keys: ['ü2'] }])
    expect(asked()).toEqual(Array(2).fill('GET /.well-known/x?y=1 application/json'))
  })
  test('one of just 256 KB is read', async () => {
    issuer.answer = (_request, response) => { response.end(`"${'x'.repeat(256 * 1024 - 2)}"`) }
    expect(await fetchJson(issuer.url)).toHaveLength(256 * 1024 - 2)
  })
  test.each<[string, (response: ServerResponse, url: string) => void]>([
    ['a redirect, also one to a document,', (response, url) => { response.writeHead(302, { location: `${url}&again` }).end(`{"keys":["${canary}"]}`) }], ['another status', (response) => { response.writeHead(404).end(`{"${canary}":1}`) }], ['no content', (response) => { response.writeHead(204).end() }],
    ['no JSON', (response) => { response.end(`<html>${canary}`) }], ['JSON and more', (response) => { response.end(`{} ${canary}`) }], ['more than 256 KB', (response) => { response.end(`"${canary}${'x'.repeat(256 * 1024)}"`) }],
    ['half an answer, whole as it looks,', (response) => { response.writeHead(200, { 'content-length': '100' }).write(`{"keys":["${canary}"]}`); setTimeout(() => response.destroy(), 20) }],
    ['no answer at all', (response) => { response.destroy() }], ['an answer that never ends', (response) => { response.write('{"keys":') }], ['one that drips', (response) => { const drip = setInterval(() => response.write(' '), 200).unref(); response.on('close', () => clearInterval(drip)) }],
  ])('%s is a fault that tells nothing of what came, and nothing else is asked', async (_name, says) => {
    issuer.answer = (_request, response) => says(response, issuer.url)
    const fault = await fetchJson(issuer.url).then(() => null, (error: Error) => error)
    expect(fault).toMatchObject({ code: 'issuer-unavailable', message: expect.not.stringContaining(canary) as string })
    expect(asked()).toHaveLength(1)
  })
  test.each(['file:///etc/passwd', 'http://issuer.sluice.invalid/', 'http://127.0.0.1.sluice.invalid/', 'http://127.0.0.1@issuer.sluice.invalid/', '//127.0.0.1', 'data:application/json,{}', ''])('`%s` is not asked', async (wrong) => {
    await expect(fetchJson(wrong)).rejects.toMatchObject({ code: 'issuer-unavailable', message: expect.stringMatching(/^only https, or http on this machine, is fetched$|^an issuer is fetched over https only$/) as string })
  })
  test('whoever answers with the certificate of another name is not heard', async () => {
    issuer.answer = (_request, response) => { response.end('{}') }
    await expect(fetchJson(issuer.url.replace('127.0.0.1', 'localhost'))).rejects.toMatchObject({ code: 'issuer-unavailable' })
    expect(await fetchJson(issuer.url)).toEqual({})
  })
  test('whoever answers with a certificate that nobody vouches for is not asked', async () => {
    await expect(fetchJson(unknown.url)).rejects.toMatchObject({ code: 'issuer-unavailable' })
    expect(unknown.asked).toEqual([])
  })
})
