import type { Refusal } from '../../schema/refusal.ts'

/**
 * Value of WWW-Authenticate for a 401 (RFC 6750 section 3, RFC 9728 section 5.1). Bare when no token came: an `error` there would tell a client that
 * has not tried yet that its token is bad, and some then never fetch one. `url`: the gate's public base URL, without a slash at the end.
 */
export function challenge(refusal: Refusal, url: string): string {
  const metadata = `resource_metadata="${quotable(url)}/.well-known/oauth-protected-resource"`
  if (refusal.reason === 'no_token') return `Bearer ${metadata}`
  return `Bearer error="invalid_token", error_description="${quotable(refusal.detail)}", ${metadata}`
}

/** Printable ASCII without `"` and `\`: RFC 6750 allows no other character, and none of these can end the quoted string or the header. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')
}
