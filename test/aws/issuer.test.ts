import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchJson } from '../../functions/aws/issuer.ts'
import { openssl } from '../lambda/gate.ts'

if (openssl === undefined) console.log('skipped: what an issuer says over TLS wants openssl for a test certificate: apt-get install -y openssl')

describe.skipIf(openssl === undefined)('a document of an issuer', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-issuer-'))
  let server: Server
  let url = ''
  let answer: (request: IncomingMessage, response: ServerResponse) => void = () => {}
  let connections = 0
  beforeAll(async () => {
    execFileSync(openssl ?? '', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=issuer', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')], { stdio: 'ignore' })
    const cert = readFileSync(join(directory, 'cert.pem'))
    tls.setDefaultCACertificates([cert.toString()])
    server = createServer({ key: readFileSync(join(directory, 'key.pem')), cert }, (request, response) => answer(request, response)).listen(0, '127.0.0.1')
    server.on('secureConnection', () => { connections++ })
    await new Promise((resolve) => { server.once('listening', resolve) })
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/x?y=1`
  })
  afterAll(() => {
    server?.closeAllConnections()
    server?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('is read as it is, at its whole address, over a connection of its own', async () => {
    const asked: (string | undefined)[] = []
    answer = (request, response) => { asked.push(request.url, request.headers.accept); response.end('{"keys": ["ü"]}') }
    expect([await fetchJson(url), await fetchJson(url)]).toEqual([{ keys: ['ü'] }, { keys: ['ü'] }])
    expect(asked.slice(0, 2)).toEqual(['/.well-known/x?y=1', 'application/json'])
    expect(connections).toBe(2)
  })
  test.each<[string, (response: ServerResponse) => void]>([
    ['a redirect', (response) => { response.writeHead(302, { location: url }).end('{}') }], ['another status', (response) => { response.writeHead(404).end('{}') }], ['no content', (response) => { response.writeHead(204).end() }],
    ['no JSON', (response) => { response.end('<html>') }], ['more than 256 KB', (response) => { response.end(`"${'x'.repeat(256 * 1024)}"`) }], ['half an answer', (response) => { response.writeHead(200, { 'content-length': '100' }).write('{"keys":[]}'); setTimeout(() => response.destroy(), 20) }],
    ['no answer at all', (response) => { response.destroy() }], ['an answer that never ends', (response) => { response.write('{"keys":') }],
  ])('%s is none, and a fault that tells nothing of what came', async (_, says) => {
    answer = (_request, response) => says(response)
    await expect(fetchJson(url)).rejects.toMatchObject({ code: 'issuer-unavailable', message: expect.stringMatching(/^127\.0\.0\.1:\d+ gave no json document$/) as string })
  })
  test.each(['http://127.0.0.1/', 'file:///etc/passwd', 'HTTPS://127.0.0.1/', 'https://', '//127.0.0.1'])('%s is not asked', async (wrong) => {
    await expect(fetchJson(wrong)).rejects.toMatchObject({ code: 'issuer-unavailable' })
  })
  test('a certificate that nobody vouches for is none', async () => {
    answer = (_, response) => { response.end('{}') }
    tls.setDefaultCACertificates([])
    await expect(fetchJson(url.replace('127.0.0.1', 'localhost'))).rejects.toMatchObject({ code: 'issuer-unavailable' })
  })
})
