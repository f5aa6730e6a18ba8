import { hold, http, people, stream } from './functions'
import { choosing, paths } from './routes'
import { edgeValue } from './secrets'
import { domain, flood, prefix } from './stage'

/** CloudFront and its firewall live in one region, whatever region the rest is in. */
const east = new aws.Provider('East', { region: 'us-east-1' })

/** What a function's own address names anew goes back to its own name (RFC 6750 clients look for the challenge there), and a call that waits or lasts goes to the function with places for that (infra/routes.ts). */
const viewerResponse = new aws.cloudfront.Function('Challenge', {
  name: `${prefix}-challenge`, runtime: 'cloudfront-js-2.0', publish: true,
  code: `function handler(event) {
  var headers = event.response.headers
  var renamed = headers['x-amzn-remapped-www-authenticate']
  if (renamed) { headers['www-authenticate'] = renamed; delete headers['x-amzn-remapped-www-authenticate'] }
  return event.response
}
`,
})
const viewerRequest = new aws.cloudfront.Function('Places', {
  name: `${prefix}-places`, runtime: 'cloudfront-js-2.0', publish: true,
  code: choosing,
})

/** Floods end before a function is paid for. Bodies are not looked into: they are statements, and a rule against SQL in them would refuse the honest work. */
const firewall = new aws.wafv2.WebAcl('Firewall', {
  scope: 'CLOUDFRONT', defaultAction: { allow: {} },
  rules: [
    { name: 'flood', priority: 0, action: { block: { customResponse: { responseCode: 429 } } }, statement: { rateBasedStatement: { limit: flood, evaluationWindowSec: 300, aggregateKeyType: 'IP' } }, visibilityConfig: { cloudwatchMetricsEnabled: true, metricName: 'flood', sampledRequestsEnabled: false } },
    { name: 'known-bad', priority: 1, overrideAction: { none: {} }, statement: { managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesAmazonIpReputationList' } }, visibilityConfig: { cloudwatchMetricsEnabled: true, metricName: 'known-bad', sampledRequestsEnabled: false } },
  ],
  visibilityConfig: { cloudwatchMetricsEnabled: true, metricName: prefix, sampledRequestsEnabled: false },
}, { provider: east })

/** `readTimeout`: seconds without a byte, at most 120. Where a call may last, it is asked once: CloudFront would else ask again for a GET that it gave up, and a watch would be decided and recorded three times. */
const origin = (originId: string, { url }: sst.aws.Function, readTimeout: number, lasting = false) => ({
  originId, domainName: url.apply((address) => new URL(address).hostname),
  customOriginConfig: { httpPort: 80, httpsPort: 443, originProtocolPolicy: 'https-only', originSslProtocols: ['TLSv1.2'], originReadTimeout: readTimeout, originKeepaliveTimeout: 60 },
  connectionAttempts: lasting ? 1 : 3,
  customHeaders: [{ name: 'x-sluice-edge', value: edgeValue.base64 }],
})
/** AWS's own policies, by id: nothing is cached; everything but the host is passed on. */
const uncached = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad'
const allButHost = 'b689b0a8-53d0-40ab-baf2-68738e2966ac'
const behavior = (targetOriginId: string) => ({
  targetOriginId, viewerProtocolPolicy: 'https-only', allowedMethods: ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'], cachedMethods: ['GET', 'HEAD'], compress: false,
  cachePolicyId: uncached, originRequestPolicyId: allButHost,
})
const requested = { eventType: 'viewer-request', functionArn: viewerRequest.arn }
const responding = { eventType: 'viewer-response', functionArn: viewerResponse.arn }
const distribution = (args: aws.cloudfront.DistributionArgs): undefined => {
  args.webAclId = firewall.arn
  args.httpVersion = 'http2and3'
  args.isIpv6Enabled = true
}

/**
 * Where agents go. A Kubernetes stream may last as long as its function; one that is silent for two minutes is cut, and its client watches on from where it was. What speaks MCP waits inside its calls (`follow`), so
 * all of it has the places of those who wait.
 */
export const gate = new sst.aws.Cdn('Gate', {
  domain, origins: [origin('http', http, 60), origin('hold', hold, 75, true), origin('stream', stream, 120, true)],
  defaultCacheBehavior: { ...behavior('http'), functionAssociations: [requested, responding] },
  orderedCacheBehaviors: paths.map(([pathPattern, to]) => ({ pathPattern, ...behavior(to), functionAssociations: to === 'stream' ? [requested, responding] : [responding] })),
  transform: { distribution },
})
/** Where people go: another origin, so that no page of one has a cookie or a script of the other. */
export const desk = new sst.aws.Cdn('Desk', {
  domain: `console.${domain}`, origins: [origin('people', people, 30)], defaultCacheBehavior: { ...behavior('people'), functionAssociations: [responding] }, transform: { distribution },
})
