import { renaming } from './challenge'
import { hold, http, people, stream } from './functions'
import { choosing, paths } from './routes'
import { edgeValue } from './secrets'
import { domain, flood, prefix } from './stage'

/** CloudFront and its firewall live in one region, whatever region the rest is in. */
const east = new aws.Provider('East', { region: 'us-east-1' })

/**
 * Gives a challenge its name back (infra/challenge.ts). It asks nobody anything, so its role lets it do nothing, not even write a log. Its copies at CloudFront's edges keep it from being deleted for hours after the
 * distribution is gone, so it is left behind by a removal.
 */
const renamer = new aws.lambda.Function('Challenge', {
  runtime: 'nodejs22.x', handler: 'index.handler', code: new $util.asset.AssetArchive({ 'index.mjs': new $util.asset.StringAsset(renaming) }), memorySize: 128, timeout: 5, publish: true,
  role: new aws.iam.Role('ChallengeRole', {
    assumeRolePolicy: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: ['lambda.amazonaws.com', 'edgelambda.amazonaws.com'] }, Action: 'sts:AssumeRole' }] }),
  }, { retainOnDelete: true }).arn,
}, { provider: east, retainOnDelete: true })
/** A call that waits or lasts goes to the function with places for that (infra/routes.ts). */
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
  cachePolicyId: uncached, originRequestPolicyId: allButHost, lambdaFunctionAssociations: [{ eventType: 'origin-response', lambdaArn: renamer.qualifiedArn, includeBody: false }],
})
/** Errors of GET are kept for ten seconds unless it is said otherwise, whatever policy and origin say of caching, and given to whoever asks for the same path, with whatever token: one caller's `404` would be another's. */
const customErrorResponses = [400, 403, 404, 405, 414, 500, 501, 502, 503, 504].map((errorCode) => ({ errorCode, errorCachingMinTtl: 0 }))
const requested = { eventType: 'viewer-request', functionArn: viewerRequest.arn }
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
  defaultCacheBehavior: { ...behavior('http'), functionAssociations: [requested] }, customErrorResponses,
  orderedCacheBehaviors: paths.map(([pathPattern, to]) => ({ pathPattern, ...behavior(to), ...(to === 'stream' ? { functionAssociations: [requested] } : {}) })),
  transform: { distribution },
})
/** Where people go: another origin, so that no page of one has a cookie or a script of the other. */
export const desk = new sst.aws.Cdn('Desk', {
  domain: `console.${domain}`, origins: [origin('people', people, 30)], defaultCacheBehavior: behavior('people'), customErrorResponses, transform: { distribution },
})
