import { expect, test } from 'vitest'
import { ofFunctionUrl, ofNode } from '../../functions/target.ts'

test.each(['/a/../b', '/a%2fb?x=%20', '//a', 'http://host/a', '*', '/ä'])('of node:http the request line as it is: %s', (url) => {
  expect(ofNode({ incoming: { url } })).toBe(url)
})

const event = (rawPath: unknown, rawQueryString: unknown = '') => ofFunctionUrl({ event: { rawPath, rawQueryString } })
test.each([
  ['/v1/kubernetes/cluster/api/v1/pods', '', '/v1/kubernetes/cluster/api/v1/pods'], ['/v1/x/clusterroles/system:node', 'a=%2F&b=c', '/v1/x/clusterroles/system:node?a=%2F&b=c'], ['/a/../b', '', '/a/../b'],
])('of a function URL a path without anything to decode, and the query as it came: %s', (path, query, target) => {
  expect(event(path, query)).toBe(target)
})
test.each(['/a%2fb', '/a%252fb', '/a b', '/a?b', '/a#b', '/ä', '/a\\b', '/a;b', '/a\nb', '', undefined, null, 7])('of a function URL no path that it may have decoded: %s', (path) => {
  expect(event(path)).toBeNull()
})
test.each([undefined, null, {}, { incoming: null }, { event: 'x' }, { incoming: { url: 5 } }])('nothing where the platform says nothing: %s', (env) => {
  expect([ofNode(env), ofFunctionUrl(env)]).toEqual([null, null])
})
