/**
 * Which function a call goes to, by CloudFront: the paths, and the code that looks closer. `http` decides and answers; `hold` has places for calls that wait for people, `stream` for what lasts: a watch, a log that is followed, and a command, which
 * takes as long as its program and so takes neither a place that queries have nor one that waits fill.
 * What changes the gate itself, or reads its record, never waits, and `hold` may not do it (infra/grants.ts): it goes to `http` whatever it prefers, a lock in an emergency too. What could be either by a spelling that this does not read goes where it may last; `http` takes none of these, however they are spelt (functions/aws/edge.ts).
 */
export const paths = [['/v1/kubernetes/*', 'stream'], ['/v1/connections/*/exec', 'stream'], ['/mcp', 'hold']] as const

/** CloudFront's own function for the default path and those of what lasts, as it is published. A copy of the edge's key that a caller sends is taken away. */
export const choosing = `import cf from 'cloudfront'
function handler(event) {
  var request = event.request, prefer = request.headers['prefer'], query = request.querystring || {}
  delete request.headers['x-sluice-edge']
  var cluster = request.uri.indexOf('/v1/kubernetes/') === 0
  if (cluster && (/%|\\/watch(\\/|$)/i.test(request.uri) || Object.keys(query).some(function (name) { return /watch|follow|%/i.test(name) }))) return request
  if (!/^\\/v1\\/(policy|locks|audit)(\\/|$)/.test(request.uri) && prefer && (prefer.multiValue || [prefer]).some(function (one) { return /(^|[,;])\\s*wait\\s*=/i.test(one.value) })) cf.selectRequestOriginById('hold')
  else if (cluster) cf.selectRequestOriginById('http')
  return request
}
`
