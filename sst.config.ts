/// <reference path="./.sst/platform/config.d.ts" />

/** `SLUICE_DOMAIN=sluice.acme.dev npx sst deploy --stage production`; docs/deploy.md says what else. Read the files in this order. */
export default $config({
  app: ({ stage }) => ({
    name: 'sluice', home: 'aws', providers: { random: '4.16.6' }, removal: stage === 'production' ? 'retain' : 'remove', protect: stage === 'production',
  }),
  async run() {
    await import('./infra/stage')
    await import('./infra/keys')
    await import('./infra/tables')
    await import('./infra/log')
    await import('./infra/secrets')
    const { identity } = await import('./infra/mail')
    const { machine, socketApi } = await import('./infra/functions')
    await import('./infra/walls')
    await import('./infra/schedule')
    const { gate, desk } = await import('./infra/edge')
    await import('./infra/watch')
    return { gate: gate.url, console: desk.url, socket: socketApi.url, machine: machine.arn, ...(identity ? { mailTokens: identity.dkimSigningAttributes.tokens } : {}) }
  },
})
