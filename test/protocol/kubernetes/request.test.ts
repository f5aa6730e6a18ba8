import { describe, expect, test } from 'vitest'
import { acceptOf } from '../../../functions/protocol/kubernetes/accept.ts'
import { classify } from '../../../functions/protocol/kubernetes/classify.ts'
import { parseProtobuf } from '../../../functions/protocol/kubernetes/protobuf.ts'
import { readRequest } from '../../../functions/protocol/kubernetes/request.ts'
import { parseYaml } from '../../../functions/protocol/kubernetes/yaml.ts'

const send = (method: string, target: string, body: string | Uint8Array | null = null, type = 'application/json') =>
  readRequest(method, target, body === null ? {} : { 'content-type': type }, body === null ? null : typeof body === 'string' ? Buffer.from(body) : body)
const reason = (result: ReturnType<typeof send>) => (result.ok ? 'ok' : result.refusal.reason)
const bodyIn = (result: ReturnType<typeof send>) => (result.ok ? result.value.statements[0]!.params[1] : result.refusal.detail)
const configMap = (extra = '') => `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}${extra}}`
const maps = '/api/v1/namespaces/web/configmaps'

describe('a statement', () => {
  test('is the request with its parameters in order and its body as a value', () => {
    const result = readRequest('POST', `${maps}?fieldValidation=Strict&dryRun=All&pretty=1`, { 'content-type': 'application/json; charset=utf-8', accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }, Buffer.from(configMap()))
    expect(result).toMatchObject({ ok: true, value: { form: 'kubernetes', statements: [{
      sql: `POST ${maps}?dryRun=All&fieldValidation=Strict&pretty=true`,
      params: [{ accept: 'application/json;as=Table;g=meta.k8s.io;v=v1,application/json', 'content-type': 'application/json' }, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }],
    }] } })
  })
  test.each([
    ['GET', '/metrics', 'path'], ['GET', '/debug/pprof/heap', 'path'], ['GET', '/logs/kube-apiserver.log', 'path'], ['GET', '/badprefix/v1/pods', 'path'], ['GET', '/api/v1/nodes/x/proxy', 'ok'], ['POST', '/version', 'method'], ['GET', '/apis/apps', 'ok'], ['GET', '/openapi/v3/apis/apps/v1?hash=AB12', 'ok'],
    ['GET', '/healthz/etcd?verbose=true', 'ok'], ['GET', '/', 'ok'], ['GET', '/version?x=1', 'parameter'], ['GET', '/api/v1/pods?dryRun=All', 'parameter'], ['GET', '/api/v1/pods?Watch=true', 'parameter'], ['GET', '/api/v1/pods?watch=maybe', 'parameter_value'], ['GET', '/api/v1/pods?limit=-1', 'parameter_value'],
    ['GET', '/api/v1/pods?labelSelector=a%3Db,c%20in%20(d,e),!f', 'ok'], ['GET', '/api/v1/pods?labelSelector=a%3D%3D%3Db', 'parameter_value'], ['GET', '/api/v1/namespaces/web/pods/x/log?follow=true&tailLines=5', 'ok'], ['GET', '/api/v1/namespaces/web/pods/x/log?insecureSkipTLSVerifyBackend=true', 'parameter_value'],
    ['POST', '/api/v1/namespaces/web/pods/x/exec?command=ls&command=-l&stdout=true', 'ok'], ['POST', '/api/v1/namespaces/web/pods/x/exec?command=sh&stdin=true', 'parameter_value'], ['POST', '/api/v1/namespaces/web/pods/x/exec?command=sh&tty=true', 'parameter_value'], ['POST', '/api/v1/namespaces/web/pods/x/portforward', 'ok'],
  ])('%s %s: %s', (method, target, expected) => { expect(reason(send(method, target))).toBe(expected) })

  test('keeps what a Secret holds from the record, and two bodies apart', () => {
    const told = (value: string) => { const sent = send('POST', '/api/v1/namespaces/web/secrets', `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":{"note":"${value}"}},"stringData":{"p":"${value}"}}`); return sent.ok ? JSON.stringify(sent.value.told) : '' }
    expect(told('canary-1')).not.toContain('canary')
    expect(told('canary-1')).toBe(told('canary-2'))                        // nor a hash that it could be guessed from
    const patch = send('PATCH', '/api/v1/namespaces/web/secrets/s', '[{"op":"add","path":"/data/p","value":"Y2FuYXJ5"},{"op":"add","path":"/metadata/labels/a","value":"plain"}]', 'application/json-patch+json')
    expect(patch.ok && JSON.stringify(patch.value.told)).toMatch(/^(?!.*Y2FuYXJ5).*\[withheld\].*plain/)
    const noted = send('POST', '/api/v1/namespaces/web/secrets', '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"spec":{"template":{"metadata":{"annotations":{"a":"canary-3"}}}}}')
    expect(noted.ok && JSON.stringify(noted.value.told)).toMatch(/^(?!.*canary).*\[withheld\]/)
    expect(send('POST', maps, configMap())).not.toHaveProperty('value.told')
  })
})

describe('a body', () => {
  test.each([
    ['a member twice', configMap(',"data":{"a":"1","a":"2"}'), 'duplicate_member'], ['a member twice, once escaped', configMap(',"data":{"a":"1","\\u0061":"2"}'), 'duplicate_member'], ['__proto__', configMap(',"__proto__":{}'), 'reserved_member'],
    ['no json', '{', 'not_json'], ['two documents', `${configMap()}${configMap()}`, 'not_json'], ['a list', '[]', 'object'], ['half a surrogate pair', configMap(',"data":{"a":"\\ud800"}'), 'text'], ['a number that no double holds', configMap(',"data":{"a":12345678901234567890}'), 'number_precision'],
    ['too deep', configMap(`,"data":${'['.repeat(70)}${']'.repeat(70)}`), 'too_deep'], ['another kind', '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}', 'kind'], ['another version', '{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"a"}}', 'kind'], ['no kind', '{"metadata":{"name":"a"}}', 'kind'],
    ['another namespace', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"kube-system"}}', 'namespace'], ['a name with a slash', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a/b"}}', 'name'], ['a name that is no text', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":["a"]}}', 'metadata'],
    ['a byte order mark', `\ufeff${configMap()}`, 'not_json'], ['nothing', '', 'no_body'],
  ])('with %s is refused', (_what, body, expected) => { expect(reason(send('POST', maps, body))).toBe(expected) })
  test('that is no utf-8, of a form or charset not known, or with a read is refused', () => {
    expect(reason(send('POST', maps, Buffer.from([0x7b, 0xff, 0x7d])))).toBe('not_utf8')
    expect(reason(send('POST', maps, configMap(), 'application/cbor'))).toBe('content_type')
    expect(reason(send('POST', maps, configMap(), 'application/json; charset=utf-7'))).toBe('content_type')
    expect(reason(send('GET', maps, configMap()))).toBe('body')
    expect(reason(send('PATCH', `${maps}/a`, configMap(), 'application/json'))).toBe('content_type')
  })
  test('names the object that the path names', () => {
    expect(reason(send('PUT', `${maps}/b`, configMap()))).toBe('name')
    expect(reason(send('PATCH', `${maps}/b`, '{"metadata":{"name":"a"}}', 'application/merge-patch+json'))).toBe('name')
    expect(reason(send('PATCH', `${maps}/b`, '{"data":{"x":"1"}}', 'application/merge-patch+json'))).toBe('ok')
    expect(reason(send('PATCH', `${maps}/b`, '{"data":{"x":"1"}}', 'application/apply-patch+yaml'))).toBe('kind')
  })
  test.each([
    ['[{"op":"replace","path":"/metadata/name","value":"x"}]', 'json_patch'], ['[{"op":"replace","path":"","value":{}}]', 'json_patch'], ['[{"op":"replace","path":"/metadata","value":{}}]', 'json_patch'], ['[{"op":"replace","path":"/a~2b","value":{}}]', 'json_patch'], ['[{"op":"frob","path":"/a","value":1}]', 'json_patch'],
    [`[{"op":"add","path":"${'/a'.repeat(90)}","value":1}]`, 'json_patch'], [`[{"op":"remove","path":"/data${'/0'.repeat(400_000)}"}]`, 'json_patch'], ['[{"op":"add","path":"/a"}]', 'json_patch'], ['[{"op":"remove","path":"/a","value":1}]', 'json_patch'], ['[{"op":"copy","path":"/a"}]', 'json_patch'], ['{}', 'json_patch'], ['[{"op":"replace","path":"/data/a~1b","value":"x"}]', 'ok'],
  ])('json patch %s: %s', (body, expected) => { expect(reason(send('PATCH', `${maps}/a`, body, 'application/json-patch+json'))).toBe(expected) })

  test('a dry run beside a body of a delete is refused, for the server would delete', () => {
    expect(reason(send('DELETE', `${maps}/a?dryRun=All`, '{"kind":"DeleteOptions","apiVersion":"v1"}'))).toBe('delete_options')
    expect(reason(send('DELETE', `${maps}/a`, '{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["all"]}'))).toBe('delete_options')
    expect(reason(send('DELETE', `${maps}/a`, '{"kind":"DeleteOptions","apiVersion":"v1","frobnicate":1}'))).toBe('delete_options')
    // A real server answers these with a bare 500, after which nobody knows whether it was done.
    for (const options of ['"gracePeriodSeconds":"x"', '"gracePeriodSeconds":1.5', '"preconditions":5', '"preconditions":{"uid":5}', '"preconditions":{"name":"a"}', '"orphanDependents":"true"', '"propagationPolicy":7']) expect([options, reason(send('DELETE', `${maps}/a`, `{"kind":"DeleteOptions","apiVersion":"v1",${options}}`))]).toEqual([options, 'delete_options'])
    expect(send('DELETE', `${maps}/a`, '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0,"preconditions":{"uid":"u","resourceVersion":null},"propagationPolicy":"Background","orphanDependents":null}').ok).toBe(true)
    const dry = send('DELETE', `${maps}/a`, '{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}')
    expect(dry.ok && classify({ name: 'c' }, dry.value)).toMatchObject({ value: { plan: { dryRun: true } } })
  })
})

describe('yaml', () => {
  test.each([
    ['an alias', 'a: &x [1]\nb: *x'], ['a bomb', 'a: &a [x]\nb: &b [*a,*a]\nc: [*b,*b]'], ['a tag', 'a: !!binary eA=='], ['a merge key', '<<: {a: 1}'], ['a member twice', 'a: 1\na: 2'], ['two documents', 'a: 1\n---\nb: 2'], ['a key that is no text', '? [a]\n: 1'],
    ['yes', 'a: yes'], ['off', 'a: OFF'], ['octal', 'mode: 0644'], ['base 60', 'a: 12:30'], ['digits with underscores', 'a: 1_000'], ['new octal', 'a: 0o17'],
  ])('with %s is refused', (_what, text) => { expect(parseYaml(text)).toMatchObject({ ok: false }) })
  test('is the value that JSON has', () => {
    expect(parseYaml('a: 1\nb: [true, null, "yes", 1.5]\nc:\n  d: text\n')).toEqual({ ok: true, value: { a: 1, b: [true, null, 'yes', 1.5], c: { d: 'text' } } })
  })
  test('of an apply is forwarded as JSON, with what would end a line of YAML escaped', () => {
    const sent = send('PATCH', `${maps}/a?fieldManager=me&force=true`, 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: "1\\L2\\x85"}\n', 'application/apply-patch+yaml')
    expect(bodyIn(sent)).toMatchObject({ data: { x: '1\u20282\u0085' } })
    const plan = sent.ok ? classify({ name: 'c' }, sent.value) : null
    expect(plan).toMatchObject({ value: { plan: { contentType: 'application/apply-patch+yaml', body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1\\u20282\\u0085"}}' } } })
  })
})

/** As kubectl 1.32 sent them. */
const captured = {
  configmap: 'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEh4KFAoBYRIAGgN3ZWIiACoAMgA4AEIAEgYKAXgSATEaACIA',
  secret: 'azhzAAoMCgJ2MRIGU2VjcmV0EiYKFAoBcxIAGgN3ZWIiACoAMgA4AEIAEgwKAXASB2h1bnRlcjIaABoAIgA=',
  deployment: 'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErMBCh4KAWQSABoDd2ViIgAqADIAOABCAFoICgNhcHASAWQSggEIAhIKCggKA2FwcBIBZBpqChoKABIAGgAiACoAMgA4AEIAWggKA2FwcBIBZBJMEi4KBW5naW54EgVuZ2lueCoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA',
  token: 'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIdChAKABIAGgAiACoAMgA4AEIAEgMg2AQaBAoAEgAaACIA',
  cani: 'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSOAoQCgASABoAIgAqADIAOABCABIaChgKA3dlYhIDZ2V0GgAiACoEcG9kczIAOgAaCAgAEgAaACAAGgAiAA==',
}
const pb = 'application/vnd.kubernetes.protobuf'
const wired = (name: keyof typeof captured) => Buffer.from(captured[name], 'base64')
describe('protobuf', () => {
  test('what kubectl creates is the object it means, forwarded as JSON', () => {
    expect(bodyIn(send('POST', maps, wired('configmap'), pb))).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'web' }, data: { x: '1' } })
    expect(bodyIn(send('POST', '/api/v1/namespaces/web/secrets', wired('secret'), pb))).toMatchObject({ data: { p: 'aHVudGVyMg==' } })
    expect(bodyIn(send('POST', '/apis/apps/v1/namespaces/web/deployments', wired('deployment'), pb))).toMatchObject({ spec: { replicas: 2, selector: { matchLabels: { app: 'd' } }, template: { spec: { containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }] }], hostNetwork: false } } } })
    expect(bodyIn(send('POST', '/api/v1/namespaces/web/serviceaccounts/default/token', wired('token'), pb))).toMatchObject({ spec: { expirationSeconds: 600 } })
    expect(bodyIn(send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', wired('cani'), pb))).toMatchObject({ spec: { resourceAttributes: { namespace: 'web', verb: 'get', resource: 'pods' } } })
  })
  test('its kind must be the path\'s', () => { expect(reason(send('POST', '/api/v1/namespaces/web/secrets', wired('configmap'), pb))).toBe('kind') })
  test('cut short anywhere, or with any one byte another, it is refused or a whole object, and never throws', () => {
    const whole = wired('deployment')
    for (let at = 0; at < whole.length; at++) {
      const cut = parseProtobuf(whole.subarray(0, at))
      if (cut.ok) expect(cut.value).toMatchObject({ kind: expect.any(String) as string })
      for (const flip of [0x01, 0x08, 0x80, 0xff]) {
        const changed = Buffer.from(whole)
        changed[at] = (changed[at] ?? 0) ^ flip
        parseProtobuf(changed)
      }
    }
  })
  test('a field that is not known, or one sent twice, is refused: it would be left out of what is decided', () => {
    const object = (raw: number[]) => Buffer.from([0x6b, 0x38, 0x73, 0, 0x0a, 15, 0x0a, 2, 0x76, 0x31, 0x12, 9, ...Buffer.from('ConfigMap'), 0x12, raw.length, ...raw])
    expect(parseProtobuf(object([0x0a, 3, 0x0a, 1, 0x61]))).toMatchObject({ ok: true, value: { metadata: { name: 'a' } } })
    expect(parseProtobuf(object([0xfa, 0x01, 1, 0x61]))).toMatchObject({ ok: false })
    expect(parseProtobuf(object([0x0a, 3, 0x0a, 1, 0x61, 0x0a, 3, 0x0a, 1, 0x62]))).toMatchObject({ ok: false })
    expect(parseProtobuf(object([0x12, 3, 0x0a, 1, 0xff]))).toMatchObject({ ok: false })
  })
})

describe('accept', () => {
  test.each([
    [undefined, 'application/json'], ['*/*', 'application/json'], ['application/vnd.kubernetes.protobuf', 'application/json'], ['application/yaml', 'application/json'], ['application/vnd.kubernetes.protobuf,application/json', 'application/json'], ['application/cbor, application/json;as=Table;g=meta.k8s.io;v=v1', 'application/json;as=Table;g=meta.k8s.io;v=v1,application/json'],
    ['application/json;as=Secret;g=meta.k8s.io;v=v1', 'application/json'], ['application/json;as=Table;v=v1;g=evil', 'application/json'], ['application/json;stream=watch', 'application/json'],
  ])('%s is asked for as %s', (given, expected) => { expect(acceptOf(given, 'object')).toBe(expected) })
  test('documents about types may be protobuf', () => {
    expect(acceptOf('application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'document')).toBe('application/com.github.proto-openapi.spec.v2@v1.0+protobuf')
    expect(acceptOf('application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'object')).toBe('application/json')
  })
})
