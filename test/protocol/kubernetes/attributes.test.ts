import fc from 'fast-check'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { attributesOf, infoOf } from '../../../functions/protocol/kubernetes/attributes.ts'
import { partsOf, targetOf } from '../../../functions/protocol/kubernetes/path.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import { readAsServer } from './apiserver.ts'

/** Conformance cases of Kubernetes' own tests: beside the checkout where they are, not part of it. */
const place = process.env.SLUICE_REQUESTINFO_VECTORS ?? '../shared/kubernetes/requestinfo-vectors.json'
interface Vector { readonly method: string; readonly url: string; readonly resource: boolean; readonly verb?: string; readonly version?: string; readonly namespace?: string; readonly res?: string; readonly sub?: string; readonly name?: string; readonly parts?: readonly string[]; readonly note?: string }

describe.skipIf(!existsSync(place))(`the vectors of Kubernetes (${existsSync(place) ? place : `skipped: no ${place}; SLUICE_REQUESTINFO_VECTORS names them`})`, () => {
  const vectors = existsSync(place) ? JSON.parse(readFileSync(place, 'utf8')) as readonly Vector[] : []
  test.each(vectors.map((vector) => [`${vector.method} ${vector.url}`, vector] as const))('%s', (_title, vector) => {
    const parts = partsOf(vector.url === '' ? '/' : vector.url)
    if (!parts.ok) { expect([parts.refusal.reason, vector.note]).toEqual(['duplicate_parameter', 'selector on repeated param matches parsed param']); return }
    const info = infoOf(vector.method, parts.value)
    expect(info.isResource).toBe(vector.resource)
    if (vector.verb !== undefined) expect(info.verb).toBe(vector.verb)
    if (vector.res !== undefined) expect([info.version, info.namespace, info.resource, info.subresource, info.parts]).toEqual([vector.version, vector.namespace, vector.res, vector.sub, vector.parts])
    // A selector that cannot be read names an object for some versions and none for others, so no request with one passes.
    const unread = vector.note?.startsWith('invalid selector') === true
    if (unread) expect(attributesOf(vector.method, vector.url)).toMatchObject({ ok: false })
    else if (vector.name !== undefined) expect(info.name).toBe(vector.name)
  })
})

const read = (method: string, target: string) => { const result = attributesOf(method, target); return result.ok ? result.value : result.refusal.reason }
describe('attributes', () => {
  test.each([
    ['GET', '/api/v1/namespaces/web/pods', { verb: 'list', group: '', resource: 'pods', subresource: null, namespace: 'web', name: null }],
    ['GET', '/api/v1/namespaces/web/pods/', { verb: 'list', resource: 'pods', path: '/api/v1/namespaces/web/pods' }],
    ['GET', '/api/v1/namespaces/web/pods?watch=', { verb: 'watch' }],
    ['GET', '/api/v1/namespaces/web/pods?watch=FALSE', { verb: 'list' }],
    ['GET', '/api/v1/namespaces/web/pods?fieldSelector=metadata.name%3Dfront', { verb: 'list', name: 'front' }],
    ['GET', '/api/v1/namespaces/web/pods?fieldSelector=metadata.name!=front', { verb: 'list', name: null }],
    ['GET', '/api/v1/namespaces/web/pods/front/log?follow=true', { verb: 'get', resource: 'pods', subresource: 'log', name: 'front' }],
    ['DELETE', '/api/v1/namespaces/web/secrets', { verb: 'deletecollection', resource: 'secrets', name: null }],
    ['DELETE', '/api/v1/namespaces/web/secrets?fieldSelector=metadata.name=x', { verb: 'deletecollection', name: null }],
    ['GET', '/api/v1/namespaces/web', { verb: 'get', resource: 'namespaces', namespace: 'web', name: 'web' }],
    ['PUT', '/api/v1/namespaces/web/finalize', { verb: 'update', resource: 'namespaces', subresource: 'finalize', namespace: 'web', name: 'web' }],
    ['PATCH', '/apis/apps/v1/namespaces/web/deployments/front/scale', { verb: 'patch', group: 'apps', resource: 'deployments', subresource: 'scale' }],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node', { resource: 'clusterroles', name: 'system:node' }],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', { name: 'system:node', path: '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node' }],
    ['GET', '/version', { isResource: false, verb: 'get', path: '/version' }],
  ])('%s %s', (method, target, expected) => { expect(read(method, target)).toMatchObject(expected) })

  test.each([
    ['GET', '/api/v1/namespaces/web/../kube-system/secrets', 'dot_segment'], ['GET', '/api/v1/./pods', 'dot_segment'], ['GET', '/api/v1//pods', 'dot_segment'], ['GET', '//api/v1/pods', 'dot_segment'], ['GET', '/api/v1/pods//', 'dot_segment'],
    ['GET', '/api/v1/namespaces/web/pods/%2e%2e', 'dot_segment'], ['GET', '/api/v1/namespaces/web%2fpods', 'path_text'], ['GET', '/api/v1/namespaces/web/pods/a%2Fb', 'path_text'], ['GET', '/api/v1/namespaces/web%5cpods', 'path_text'],
    ['GET', '/api/v1/namespaces/web\\pods', 'target'], ['GET', '/api/v1/pods#x', 'target'], ['GET', '/api/v1/po ds', 'target'], ['GET', '/api/v1/p\u00f6ds', 'target'], ['GET', 'http://x/api/v1/pods', 'target'], ['GET', '', 'target'],
    ['GET', '/api/v1/pods/%zz', 'escape'], ['GET', '/api/v1/pods/%', 'escape'], ['GET', '/api/v1/pods/%ff', 'escape'], ['GET', '/api/v1/pods/a%00b', 'path_text'], ['GET', '/api/v1/pods/a%252fb', 'path_text'],
    ['GET', '/api/v1/pods;x=1', 'path_text'], ['GET', '/api/v1/pods?a=1;watch=true', 'semicolon'], ['GET', '/api/v1/pods?watch=0&watch=1', 'duplicate_parameter'], ['GET', '/api/v1/pods?watch=0&%77atch=1', 'duplicate_parameter'],
    ['GET', '/api/v1/pods?&watch=1', 'parameter'], ['GET', '/api/v1/pods?limit=%zz', 'parameter'], ['GET', '/api/v1/pods?limit=%00', 'parameter_text'], ['GET', '/api/v1/pods?wa%20tch=1', 'parameter'],
    ['GET', '/api/v1/watch/pods', 'watch_prefix'], ['GET', '/api/v1/proxy/namespaces/web/pods/x', 'proxy_prefix'], ['OPTIONS', '/api/v1/pods', 'method'], ['get', '/api/v1/pods', 'method'], ['CONNECT', '/api/v1/pods', 'method'],
    ['GET', '/apis/pods/v1/log', 'group'], ['GET', '/apis/a..b/v1/things', 'group'], ['GET', '/api/v1/Pods', 'resource'], ['GET', '/api/v1/namespaces/Web/pods', 'namespace'], ['GET', '/api/v1/namespaces/web/pods/x/log/more', 'path'],
    ['GET', '/api/v1/pods?fieldSelector=metadata.name=a,metadata.name=b', 'selector'], ['GET', '/api/v1/pods?fieldSelector=metadata.name=a,b', 'selector'], ['GET', '/api/v1/pods?fieldSelector=metadata.name=a%5C,b=c', 'selector'],
    ['GET', `/${'a'.repeat(20_000)}`, 'target_too_long'],
  ])('%s %s has no reading, or two', (method, target, reason) => { expect(read(method, target)).toBe(reason) })
})

/** Spellings that some reader, somewhere, takes for another. */
const piece = fc.constantFrom('api', 'apis', 'v1', 'apps', 'namespaces', 'web', 'kube-system', 'pods', 'secrets', 'log', 'exec', 'proxy', 'watch', 'status', 'finalize', 'x', '..', '.', '', '%2e%2e', '%2E', '%2f', '%2Fsecrets', 'a%2fb', '%5c', ';', '%3b', '%00', '%', '%zz', '%25', '%252f', 'po%64s', 'system:node', '~', '@', '+', 'a+b', '%20', 'POST', '?', '#', '%3f', '\\', 'ns%2e')
const path = fc.oneof(fc.array(piece, { maxLength: 9 }), fc.tuple(fc.constantFrom(['api', 'v1'], ['apis', 'apps', 'v1'], ['api', 'v1', 'namespaces', 'web']), fc.array(piece, { maxLength: 5 })).map(([head, tail]) => [...head, ...tail])).map((parts) => `/${parts.join('/')}`)
const pair = fc.tuple(fc.constantFrom('watch', 'fieldSelector', 'labelSelector', 'limit', 'Watch', 'w%61tch', 'watch%00', ' watch', 'dryRun', 'pretty'), fc.constantFrom('=', '', '=='), fc.constantFrom('true', 'false', '0', '1', '', 'FALSE', 'TRUE', 'metadata.name=x', 'metadata.name%3Dx', 'metadata.name==x', 'metadata.name!=x', 'metadata.name=x,a=b', 'metadata.name=x%2Cb', 'metadata.name=%2e%2e', 'All', '%zz', '%', '+', 'a;b', '10')).map((parts) => parts.join(''))
const query = fc.oneof(fc.constant(''), fc.array(pair, { minLength: 1, maxLength: 4 }).chain((pairs) => fc.constantFrom('&', ';', '&&').map((joint) => `?${pairs.join(joint)}`)))
const methods = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE')
const numRuns = Number(process.env.SLUICE_RUNS ?? 3000)

describe('differences from the API server', () => {
  test('what passes is read by the server as by us, as it came and as it is forwarded', () => {
    let passed = 0
    fc.assert(fc.property(methods, path, query, (method, path, query) => {
      const target = path + query
      const ours = attributesOf(method, target)
      if (!ours.ok) return
      passed++
      const parts = partsOf(target)
      const forwarded = parts.ok ? targetOf(parts.value) : ''
      for (const spelling of [target, forwarded]) {
        const server = readAsServer(method, spelling)
        expect(server, spelling).not.toBeNull()
        const { isResource, verb, group, version, namespace, resource, subresource, name } = ours.value
        expect(server!.resource, spelling).toBe(isResource)
        if (isResource) expect([server!.verb, server!.group, server!.version, server!.namespace, server!.res, server!.sub, server!.name], spelling).toEqual([verb, group, version, namespace ?? '', resource, subresource ?? '', name ?? ''])
      }
      expect(attributesOf(method, forwarded)).toEqual(ours)
      expect(targetOf((partsOf(forwarded) as { value: Parameters<typeof targetOf>[0] }).value)).toBe(forwarded)
    }), { numRuns })
    expect(passed).toBeGreaterThan(numRuns / 100)
  })

  test('a whole request, canonical, is read by the server as it came, and again by us as the same', () => {
    let passed = 0
    fc.assert(fc.property(fc.constantFrom('GET', 'HEAD', 'DELETE'), path, query, (method, path, query) => {
      const request = readRequest(method, path + query, {}, null)
      if (!request.ok) return
      passed++
      const sql = request.value.statements[0]!.sql
      const forwarded = sql.slice(method.length + 1)
      expect(readAsServer(method, forwarded)).toEqual(readAsServer(method, path + query))
      expect(readRequest(method, forwarded, {}, null)).toEqual(request)
      expect(new URL(`http://x${forwarded}`).pathname + new URL(`http://x${forwarded}`).search).toBe(forwarded)   // nothing left that a URL parser would change
    }), { numRuns })
    expect(passed).toBeGreaterThan(numRuns / 100)
  })
})
