import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { renaming } from '../../infra/challenge.ts'
import { installed } from './evaluate.ts'
import { evaluate, lambdas, of, type Stage, stages } from './stages.ts'

/** What CloudFront does before the functions, as it would be deployed. */
if (!installed) console.log('skipped: test/infra/edge.test.ts, because .sst/platform is missing; `npx sst install` makes it')


interface Asked { readonly uri: string; readonly querystring?: Readonly<Record<string, unknown>>; readonly headers: Readonly<Record<string, unknown>> }
/** CloudFront's own function, as it would be published: what it makes of a request, and the origin it chooses; null: the behavior's. */
function atEdge(stage: Stage, asked: Asked): { readonly request: Asked; readonly origin: string | null } {
  const code = String(of(stage, 'aws:cloudfront/function:Function').find(({ name }) => name === 'Places')?.inputs['code'])
  let origin: string | null = null
  const request = runInNewContext(`${code.replace(/^import .*$/m, '')}; handler(event)`, { event: { request: asked }, cf: { selectRequestOriginById: (id: string) => { origin = id } } }) as Asked
  return { request, origin }
}

describe.skipIf(!installed)('at the edge', () => {
  beforeAll(evaluate, 120_000)

  describe.each(stages)('%s', (stage) => {
    test('whoever waits, streams, runs a command or speaks MCP takes no place from a query: other functions, each with places of its own, that together leave the account a hundred', () => {
      const places = Object.fromEntries(lambdas(stage).map(({ name, inputs }) => [name.replace(/Function$/, ''), Number(inputs['reservedConcurrentExecutions'])]))
      expect(Object.values(places).every((count) => count >= 1)).toBe(true)
      expect(Object.values(places).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(900)
      const gate = of(stage, 'aws:cloudfront/distribution:Distribution').find(({ name }) => name.startsWith('Gate'))?.inputs
      const origins = Object.fromEntries(((gate?.['origins'] ?? []) as { originId: string; domainName: string; connectionAttempts: number; customOriginConfig: { originReadTimeout: number } }[]).map((origin) => [origin.originId, origin]))
      expect(Object.fromEntries(Object.entries(origins).map(([id, { domainName }]) => [id, domainName.split('.')[0]]))).toEqual({ http: 'httpurl', hold: 'holdurl', stream: 'streamurl' })
      expect(((gate?.['orderedCacheBehaviors'] ?? []) as { pathPattern: string; targetOriginId: string }[]).map(({ pathPattern, targetOriginId }) => [pathPattern, targetOriginId])).toEqual([['/v1/kubernetes/*', 'stream'], ['/v1/connections/*/exec', 'stream'], ['/mcp', 'hold']])
      // A hold is at most 55 s, and CloudFront waits as long as the function lives; what lasts is asked once.
      expect(origins['hold']).toMatchObject({ connectionAttempts: 1, customOriginConfig: { originReadTimeout: 75 } })
      expect(origins['stream']).toMatchObject({ connectionAttempts: 1, customOriginConfig: { originReadTimeout: 120 } })
    })
    test('a thousand calls that wait, in every way there is to wait, leave each place of a query free', () => {
      const gate = of(stage, 'aws:cloudfront/distribution:Distribution').find(({ name }) => name.startsWith('Gate'))?.inputs
      const behaviors = gate?.['orderedCacheBehaviors'] as { pathPattern: string; targetOriginId: string; functionAssociations?: { eventType: string }[] }[]
      const free = new Map(['http', 'hold', 'stream'].map((id) => [id, Number(of(stage, 'aws:lambda/function:Function').find(({ name }) => name.toLowerCase() === `${id}function`)?.inputs['reservedConcurrentExecutions'])]))
      const places = free.get('http') ?? 0
      /** Where CloudFront takes it, by the first behavior whose path it has, and by its function; a place is kept until the end of the test. null: Lambda has none left for it. */
      const send = (target: string, prefer?: string): string | null => {
        const { pathname: uri, searchParams } = new URL(target, 'https://gate')
        const behavior = behaviors.find(({ pathPattern }) => new RegExp(`^${pathPattern.replaceAll('*', '.*')}$`).test(uri))
        const asks = behavior === undefined || behavior.functionAssociations?.some(({ eventType }) => eventType === 'viewer-request')
        const chosen = asks ? atEdge(stage, { uri, querystring: Object.fromEntries([...searchParams.keys()].map((name) => [name, {}])), headers: prefer === undefined ? {} : { prefer: { value: prefer } } }).origin : null
        const origin = chosen ?? behavior?.targetOriginId ?? 'http'
        const left = free.get(origin) ?? 0
        if (left === 0) return null
        free.set(origin, left - 1)
        return origin
      }
      for (let i = 0; i < 250; i++) {
        for (const [uri, prefer] of [['/v1/connections/shop/query', 'wait=55'], ['/v1/requests/arq_1', 'return=minimal, Wait="55"'], ['/mcp', undefined], ['/v1/connections/bastion/exec', 'wait=55'], ['/v1/connections/bastion/exec', undefined], ['/v1/kubernetes/cluster/api/v1/pods?watch=true', undefined], ['/v1/kubernetes/cluster/api/v1/namespaces/web/pods/x/log?follow', undefined], ['/v1/kubernetes/cluster/api/v1/watch/pods', 'wait=5'], ['/v1/kubernetes/cluster/api/v1/pods', 'wait=5']] as const) expect(send(uri, prefer)).not.toBe('http')
      }
      expect([free.get('hold'), free.get('stream')]).toEqual([0, 0])
      for (let i = 0; i < places; i++) expect(send(i % 2 ? '/v1/connections/shop/query' : '/v1/kubernetes/cluster/api/v1/pods?limit=500')).toBe('http')
    })
    test.each([
      [{}, null], [{ prefer: { value: 'wait=5' } }, 'hold'], [{ prefer: { value: 'respond-async, wait=5' } }, 'hold'], [{ prefer: { value: 'WAIT = "5"' } }, 'hold'], [{ prefer: { value: 'return=minimal' } }, null], [{ prefer: { value: 'await=5' } }, null],
      [{ prefer: { value: 'return=minimal', multiValue: [{ value: 'return=minimal' }, { value: 'wait=5' }] } }, 'hold'],
    ])('at the edge %j goes to %s', (headers, to) => {
      const { request, origin } = atEdge(stage, { uri: '/v1/connections/shop/query', headers: { ...headers, 'x-sluice-edge': { value: 'a guess' } } })
      expect(origin).toBe(to)
      expect(request.headers).not.toHaveProperty('x-sluice-edge')
    })
    test.each(['/v1/policy', '/v1/policy/plan', '/v1/locks/everything', '/v1/audit/events'])('what only `http` may do goes there, whatever it prefers: %s', (uri) => {
      expect(atEdge(stage, { uri, headers: { prefer: { value: 'wait=5' } } }).origin).toBeNull()
      expect(atEdge(stage, { uri: uri.replace('/v1/', '/v1/connections/'), headers: { prefer: { value: 'wait=5' } } }).origin).toBe('hold')
    })
    test('TLS is 1.2 or later everywhere, a flood of sockets ends before a function', () => {
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        expect(inputs['viewerCertificate']).toMatchObject({ minimumProtocolVersion: 'TLSv1.2_2021' })
        for (const origin of inputs['origins'] as { customOriginConfig: object }[]) expect(origin.customOriginConfig).toMatchObject({ originProtocolPolicy: 'https-only', originSslProtocols: ['TLSv1.2'] })
      }
      expect(of(stage, 'aws:apigatewayv2/stage:Stage')[0]?.inputs['defaultRouteSettings']).toEqual({ throttlingRateLimit: 500, throttlingBurstLimit: 1000 })
    })
    test('people and agents come to different origins, over TLS, past a firewall, and nothing is cached', () => {
      const edges = of(stage, 'aws:cloudfront/distribution:Distribution')
      expect(edges.flatMap(({ inputs }) => inputs['aliases']).sort()).toEqual(['console.sluice.acme.dev', 'sluice.acme.dev'])
      for (const { inputs } of edges) {
        expect(inputs['webAclId']).toContain(':global/webacl/')
        expect(JSON.stringify(inputs['defaultCacheBehavior'])).toContain('4135ea2d-6df8-44a3-9df3-4b5a84be39ad')
        expect(JSON.stringify(inputs['origins'])).toContain('x-sluice-edge')
      }
    })
    test('no error is kept and given to the next caller of its path', () => {
      // CloudFront keeps these for ten seconds unless each is said not to be ("Control how long CloudFront caches errors").
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        expect((inputs['customErrorResponses'] as { errorCode: number }[] | undefined)?.map(({ errorCode }) => errorCode)).toEqual([400, 403, 404, 405, 414, 500, 501, 502, 503, 504])
        for (const kept of inputs['customErrorResponses'] as object[]) expect(kept).toMatchObject({ errorCachingMinTtl: 0 })
      }
    })
    test('a challenge has its name back where CloudFront runs something for a 401: as the answer comes in, at every behavior', async () => {
      for (const { inputs } of of(stage, 'aws:cloudfront/distribution:Distribution')) {
        for (const behavior of [inputs['defaultCacheBehavior'], ...(inputs['orderedCacheBehaviors'] ?? []) as unknown[]] as { lambdaFunctionAssociations?: object; functionAssociations?: { eventType: string }[] }[]) {
          expect(behavior.lambdaFunctionAssociations).toEqual([{ eventType: 'origin-response', lambdaArn: expect.stringMatching(/:Challenge:1$/) as unknown, includeBody: false }])
          expect((behavior.functionAssociations ?? []).map(({ eventType }) => eventType)).not.toContain('viewer-response')
        }
      }
      // Of Lambda@Edge: a numbered version, x86, no variables of environment, no network ("Restrictions on Lambda@Edge").
      const [edge] = of(stage, 'aws:lambda/function:Function').filter(({ name }) => name === 'Challenge')
      expect(edge?.inputs).toMatchObject({ publish: true, handler: 'index.handler' })
      for (const key of ['environment', 'architectures', 'vpcConfig', 'layers', 'reservedConcurrentExecutions']) expect(edge?.inputs, key).not.toHaveProperty(key)
      const role = of(stage, 'aws:iam/role:Role').find(({ name }) => name === 'ChallengeRole')
      expect(Object.keys(role?.inputs ?? {})).toEqual(['assumeRolePolicy'])
      const { handler } = await import(`data:text/javascript,${encodeURIComponent(renaming)}`) as { handler(event: object): Promise<unknown> }
      const answer = (headers: object) => handler({ Records: [{ cf: { response: { status: '401', headers } } }] })
      expect(await answer({ 'x-amzn-remapped-www-authenticate': [{ key: 'x-amzn-Remapped-www-authenticate', value: 'Bearer' }], date: [] })).toEqual({ status: '401', headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }], date: [] } })
      expect(await answer({ 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }] })).toEqual({ status: '401', headers: { 'www-authenticate': [{ key: 'WWW-Authenticate', value: 'Bearer' }] } })
    })
  })
})
