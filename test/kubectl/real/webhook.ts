import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { keepAuthority } from '../../../functions/local/tls.ts'
import type { Client } from '../../local/cluster.ts'

/** What an admission webhook says of each object it is asked about. */
export interface Verdict { readonly allowed: boolean; readonly message?: string; readonly warnings?: readonly string[] }
export interface Webhook {
  /** For writes of these resources. */
  register(resources: readonly string[]): Promise<void>
  close(): Promise<void>
}

/** An admission webhook on loopback, which quotes what it is shown: as one that somebody wrote in a hurry does. */
export async function startWebhook(admin: Client, verdict: (object: unknown) => Verdict): Promise<Webhook> {
  const authority = await keepAuthority(null, Date.now)
  const server = createServer(authority.issue('webhook'), (request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => {
      const { request: asked } = JSON.parse(text) as { request: { uid: string; object: unknown; oldObject: unknown } }
      const { allowed, message, warnings } = verdict(asked.object ?? asked.oldObject)
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: asked.uid, allowed, ...(warnings ? { warnings } : {}), ...(message ? { status: { code: 422, reason: 'Invalid', message } } : {}) } }))
    })
  })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const { port } = server.address() as AddressInfo
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations'
  return {
    async register(resources) {
      const made = await admin('POST', path, { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration', metadata: { name: 'quotes' }, webhooks: [{
        name: 'quotes.acme.dev', admissionReviewVersions: ['v1'], sideEffects: 'None', failurePolicy: 'Fail', timeoutSeconds: 3,
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(authority.certificate).toString('base64') },
        rules: [{ apiGroups: ['*'], apiVersions: ['*'], resources: [...resources], operations: ['CREATE', 'UPDATE', 'DELETE'] }],
      }] })
      if (made.status !== 201) throw new Error(made.text)
    },
    async close() {
      await admin('DELETE', `${path}/quotes`)
      server.closeAllConnections()
      await new Promise((done) => { server.close(done) })
    },
  }
}
