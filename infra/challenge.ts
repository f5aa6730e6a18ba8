/**
 * A function's own address calls a `WWW-Authenticate` by another name (`x-amzn-remapped-…`), and clients look for the challenge under its own (RFC 6750). This is the code that gives it back, as it is published. It runs where
 * an origin's answer comes in: where the answer goes out CloudFront runs nothing for a status of 400 or more (its guide, "Restrictions on all edge functions"), and a challenge is a 401.
 */
export const renaming = `export async function handler(event) {
  const { response } = event.Records[0].cf
  const renamed = response.headers['x-amzn-remapped-www-authenticate']
  if (renamed) {
    response.headers['www-authenticate'] = renamed.map(({ value }) => ({ key: 'WWW-Authenticate', value }))
    delete response.headers['x-amzn-remapped-www-authenticate']
  }
  return response
}
`
