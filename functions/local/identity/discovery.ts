/** The clients a person signs in through. Public ones: they hold no secret, PKCE stands for it. */
export const clients = { cli: 'sluice-cli', console: 'sluice-console' } as const

/**
 * What the provider says of itself, as far as the gate and a client need it. Served without loading the provider; a test holds that the provider's own
 * metadata says the same.
 */
export const metadata = (issuer: string): Readonly<Record<string, unknown>> => ({
  issuer,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  response_modes_supported: ['form_post', 'fragment', 'query'],
  grant_types_supported: ['authorization_code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['ES256'],
  token_endpoint_auth_methods_supported: ['none'],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
})
