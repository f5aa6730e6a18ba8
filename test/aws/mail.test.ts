import { createServer, type IncomingMessage, type Server } from 'node:http'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMail } from '../../functions/aws/mail.ts'
import { createPost } from '../../functions/aws/post.ts'

let server: Server
let endpoint = ''
let status = 200
const calls: { readonly url: string | undefined; readonly method: string | undefined; readonly headers: IncomingMessage['headers']; readonly body: unknown }[] = []
beforeAll(async () => {
  server = createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      calls.push({ url: req.url, method: req.method, headers: req.headers, body: JSON.parse(Buffer.concat(chunks).toString()) })
      res.writeHead(status, { 'content-type': 'application/json' }).end(status === 200 ? '{"MessageId":"m"}' : '{"message":"no"}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
})
afterAll(() => { server.close(); server.closeAllConnections() })
const mail = () => createMail({ region: 'eu-central-1', credentials: { accessKeyId: 'AKID', secretAccessKey: 'SECRET', sessionToken: 'SESSION' }, endpoint, from: 'sluice@acme.dev' })

test('asks SES version 2 for one simple mail to one address, signed for its region', async () => {
  await mail()({ to: 'leads@acme.dev', subject: 'Approval wanted: shop', text: 'hellö', html: '<p>hellö</p>' })
  const [call] = calls
  expect(call).toMatchObject({ method: 'POST', url: '/v2/email/outbound-emails' })
  expect(call?.body).toEqual({
    FromEmailAddress: 'Sluice <sluice@acme.dev>', Destination: { ToAddresses: ['leads@acme.dev'] },
    Content: { Simple: { Subject: { Data: 'Approval wanted: shop', Charset: 'UTF-8' }, Body: { Text: { Data: 'hellö', Charset: 'UTF-8' }, Html: { Data: '<p>hellö</p>', Charset: 'UTF-8' } }, Headers: [{ Name: 'Auto-Submitted', Value: 'auto-generated' }] } },
  })
  expect(call?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/ses\/aws4_request, SignedHeaders=[^,]*content-type;host[^,]*, Signature=[0-9a-f]{64}$/)
  expect(call?.headers['x-amz-security-token']).toBe('SESSION')
})
test.each(['a@acme.dev\r\nbcc: b@acme.dev', 'a@acme.dev,b@acme.dev', 'A <a@acme.dev>', ''])('to %j asks for nothing', async (to) => {
  const before = calls.length
  await expect(mail()({ to, subject: 'x', text: 'x', html: 'x' })).rejects.toThrow('not a mail that may be sent')
  expect(calls.length).toBe(before)
})
test('a subject of two lines asks for nothing', async () => {
  await expect(mail()({ to: 'a@acme.dev', subject: 'x\nbcc: b@acme.dev', text: 'x', html: 'x' })).rejects.toThrow('not a mail that may be sent')
})
test('a refusal of SES is a failure, and asked once', async () => {
  status = 400
  const before = calls.length
  await expect(mail()({ to: 'a@acme.dev', subject: 'x', text: 'x', html: 'x' })).rejects.toThrow()
  expect(calls.length).toBe(before + 1)
})
test('a sender that is no address is refused at once', () => {
  expect(() => createMail({ region: 'x', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, from: 'Sluice <a@acme.dev>' })).toThrow('a mail address is like')
})

test('a function reaches people by what its deployment gives it', async () => {
  const secrets = { get: async () => 'xoxb' }
  const place = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'SECRET', AWS_ENDPOINT_URL_SESV2: endpoint }
  expect(createPost(secrets, place)).toEqual({ slack: null, mail: null })
  expect(createPost(secrets, { ...place, SLUICE_SECRET_SLACK_BOT_TOKEN: 'xoxb' })).toMatchObject({ slack: expect.any(Function), answer: expect.any(Function), mail: null })
  expect(() => createPost(secrets, { ...place, SLUICE_MAIL_FROM: 'Sluice <a@acme.dev>' })).toThrow('a mail address is like')
  status = 200
  const before = calls.length
  await createPost(secrets, { ...place, SLUICE_MAIL_FROM: 'sluice@acme.dev' }).mail?.({ to: 'a@acme.dev', subject: 'x', text: 'x', html: 'x' })
  expect(calls.slice(before)).toEqual([expect.objectContaining({ url: '/v2/email/outbound-emails' })])
})
