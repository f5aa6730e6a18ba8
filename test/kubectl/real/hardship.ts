import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { expect, it } from 'vitest'
import { clientOf } from '../../local/cluster.ts'
import { standGate } from '../stand.ts'
import { merge } from './forms.ts'
import { caller, maps, policy, prefix, until, type Stand } from './stand.ts'

/** What comes of a stream through the gate, as it comes. */
function stream({ gated, token }: Stand, target: string): { readonly text: () => string; readonly ended: Promise<'whole' | 'torn'>; leave(): void } {
  const { hostname, port } = new URL(gated.url)
  let text = ''
  let leave = () => {}
  const ended = new Promise<'whole' | 'torn'>((done) => {
    const asked = request({ hostname, port, ca: gated.authority, agent: false, path: `${prefix}${target}`, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => done(response.complete ? 'whole' : 'torn')).on('error', () => done('torn'))
    })
    asked.on('error', () => done('torn')).end()
    leave = () => asked.destroy()
  })
  return { text: () => text, ended, leave }
}
const causes = (text: string): string => ((JSON.parse(text) as { details?: { causes?: { reason: string; message: string }[] } }).details?.causes ?? []).map(({ reason, message }) => `${reason}: ${message}`).join('; ')

const pods = '/api/v1/namespaces/web/pods'
const eviction = (deleteOptions?: object) => ({ apiVersion: 'policy/v1beta1', kind: 'Eviction', metadata: { name: 'evicted', namespace: 'web' }, ...(deleteOptions ? { deleteOptions } : {}) })

export function hardships(at: () => Stand): void {
  it('a watch whose API server dies is torn, calls meanwhile say so, and all is well once it is back', async () => {
    const { admin, gated, real, through } = at()
    const ends = () => gated.world.events.filter(({ kind }) => kind === 'stream').map((event) => JSON.stringify(event))
    const before = ends().length
    const watch = stream(at(), `${maps}?watch=true`)
    expect(await until(() => watch.text().includes('front-config'))).toBe(true)
    await real.apiserver.stop()
    expect(await watch.ended).toBe('torn')
    const refused = await through('GET', maps)
    expect([refused.status, refused.body['reason'], causes(refused.text)]).toEqual([503, 'ServiceUnavailable', expect.stringContaining('target-unavailable: target_unreachable')])
    const write = await through('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'lost' } })
    expect([write.status, causes(write.text)]).toEqual([503, expect.stringContaining('target-unavailable')])
    expect(await until(() => ends().length > before)).toBe(true)
    expect(ends().at(-1)).toContain('target broke off')
    await real.apiserver.start()
    expect(await until(async () => (await through('GET', maps)).status === 200)).toBe(true)
    expect((await admin('GET', `${maps}/lost`)).status).toBe(404)
  })

  it('a store that stalls: reads end in time, a write that may have happened is not known, and nothing is sent twice', async () => {
    const { admin, real, through } = at()
    await admin('POST', pods, { metadata: { name: 'evicted' }, spec: { containers: [{ name: 'a', image: 'a' }] } })
    expect((await through('GET', `${maps}/front-config`)).status).toBe(200)
    real.etcd.stall()
    try {
      const read = await through('GET', `${maps}/front-config`)
      expect([read.status, read.body['reason'], causes(read.text)]).toEqual([504, 'Timeout', expect.stringContaining('timeout: target_timeout')])
      // What is looked at first is not sent where the look does not end.
      const [looked, evicted, sent] = await Promise.all([
        through('POST', maps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stalled' } }),
        through('POST', `${pods}/evicted/eviction`, eviction()),
        through('DELETE', `${maps}?labelSelector=none%3Dnone`),
      ])
      for (const { status, text } of [looked, evicted]) expect([status, causes(text)]).toEqual([expect.any(Number), expect.not.stringContaining('outcome-unknown')])
      expect([sent.status, causes(sent.text)]).toEqual([502, expect.stringContaining('outcome-unknown: answer_lost')])
    } finally {
      real.etcd.resume()
    }
    expect(await until(async () => (await through('GET', `${maps}/front-config`)).status === 200)).toBe(true)
    expect((await admin('GET', `${maps}/stalled`)).status).toBe(404)
    expect((await admin('GET', `${pods}/evicted`)).status).toBe(200)
  })

  it('an eviction of the pod that was seen: of another one of its name the API server does nothing', async () => {
    const { admin, through } = at()
    await admin('POST', pods, { metadata: { name: 'evicted' }, spec: { containers: [{ name: 'a', image: 'a' }] } })       // where it is not there yet
    const another = eviction({ preconditions: { uid: 'another' } })
    const [past, behind] = [await admin('POST', `${pods}/evicted/eviction`, another), await through('POST', `${pods}/evicted/eviction`, another)]
    expect([past.status, past.body['reason']]).toEqual([409, 'Conflict'])
    expect([behind.status, causes(behind.text)]).toEqual([409, expect.stringContaining('object_differs')])
    expect((await admin('GET', `${pods}/evicted`)).body['metadata']?.['deletionTimestamp']).toBeUndefined()
    expect((await through('POST', `${pods}/evicted/eviction`, eviction())).status).toBe(201)
    expect(await until(async () => { const { status, body } = await admin('GET', `${pods}/evicted`); return status === 404 || body['metadata']?.['deletionTimestamp'] !== undefined })).toBe(true)
  })

  it('a service account that is deleted: nobody gets through, and with a new one of that name everybody does', async () => {
    const { admin, gated, through } = at()
    expect((await through('GET', maps)).status).toBe(200)
    expect((await admin('DELETE', '/api/v1/namespaces/sluice/serviceaccounts/operator')).status).toBe(200)
    // The API server believes a token for ten seconds after it has looked.
    expect(await until(async () => { const { status, text } = await through('GET', maps); return status === 503 && causes(text).includes('target-unavailable: target_refused_login') }, 30_000)).toBe(true)
    expect(JSON.stringify(gated.world.events.at(-1))).toContain('the cluster has no service account `sluice/operator`')
    const write = await through('PATCH', `${maps}/front-config`, { data: { a: 'b' } }, merge)
    expect([write.status, write.headers['retry-after'], causes(write.text)]).toEqual([503, undefined, expect.stringContaining('target-unavailable: target_refused_login')])
    expect(JSON.stringify(gated.world.events.at(-1))).toContain('the cluster has no service account `sluice/operator`')
    await admin('POST', '/api/v1/namespaces/sluice/serviceaccounts', { metadata: { name: 'operator' } })
    expect(await until(async () => (await through('GET', maps)).status === 200)).toBe(true)
  })

  it('a certificate of somebody else\'s is nobody to ask: not a byte of the call is sent', async () => {
    const { gated, real } = at()
    const other = await standGate(policy, readFileSync(real.file, 'utf8').replace(/certificate-authority-data: .*/, `certificate-authority-data: ${Buffer.from(gated.authority).toString('base64')}`))
    try {
      const answer = await clientOf(readFileSync(await other.as(caller), 'utf8'))('GET', `${prefix}${maps}`)
      expect([answer.status, causes(answer.text)]).toEqual([503, expect.stringContaining('target-unavailable: target_untrusted')])
    } finally {
      await other.close()
    }
  })
}
