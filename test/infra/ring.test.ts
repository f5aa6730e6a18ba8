import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { functions } from '../../infra/grants.ts'
import { deployed, mayOf, statementsOf } from './deployed.ts'
import { installed, type Resource } from './evaluate.ts'

/** The log's key, and how another follows it where the log is deployed. */
const env = { SLUICE_DOMAIN: 'sluice.acme.dev' }
const arn = (name: string) => `arn:aws:kms:eu-central-1:123456789012:key/${name}`

if (!installed) console.log('skipped: test/infra/ring.test.ts, because .sst/platform is missing; `npx sst install` makes it')
describe.skipIf(!installed)('another key of the log', () => {
  let [beside, after] = [[], []] as [readonly Resource[], readonly Resource[]]
  beforeAll(async () => {
    beside = (await deployed({ ...env, SLUICE_LOG_KEYS: '1,2' }, 'production')).resources
    after = (await deployed({ ...env, SLUICE_LOG_KEYS: '2' }, 'production')).resources
  }, 120_000)
  const keys = (resources: readonly Resource[]) => resources.filter(({ type, name }) => type === 'aws:kms/key:Key' && name.startsWith('LogKey'))
  const signing = (resources: readonly Resource[], name: string) => Object.fromEntries(['kms:Sign', 'kms:GetPublicKey'].map((action) => [action, mayOf(resources, name).filter(({ actions }) => actions.includes(action)).flatMap((one) => one.resources)]))
  const told = (resources: readonly Resource[]) => new Set(resources.filter(({ type }) => type === 'aws:lambda/function:Function').flatMap(({ inputs }) => (inputs['environment'] as { variables: Record<string, string> } | undefined)?.variables['SLUICE_LOG_KEY'] ?? []))
  const policy = (resources: readonly Resource[], key: string) => statementsOf(resources.find(({ type, name }) => type === 'aws:kms/keyPolicy:KeyPolicy' && name === `${key}Policy`)?.inputs['policy'])

  test('stands beside the first, which stays the same resource: both named to every function that knows the log, the oldest first', () => {
    expect(keys(beside).map(({ name, inputs }) => [name, inputs['customerMasterKeySpec'], inputs['keyUsage']])).toEqual(['LogKey', 'LogKey2'].map((name) => [name, 'ECC_NIST_EDWARDS25519', 'SIGN_VERIFY']))
    expect([...told(beside)]).toEqual([`${arn('LogKey')},${arn('LogKey2')}`])
  })
  test('is signed by with the sequencer\'s role and no other\'s, and read by those who read the first', () => {
    const both = [arn('LogKey'), arn('LogKey2')]
    for (const name of Object.keys(functions)) {
      const knows = ['Http', 'Sequencer', 'Sweeper'].includes(name)
      expect([name, signing(beside, name)]).toEqual([name, { 'kms:Sign': name === 'Sequencer' ? both : [], 'kms:GetPublicKey': knows ? both : [] }])
    }
    for (const key of ['LogKey', 'LogKey2']) {
      const [administer, sign, nobody] = policy(beside, key)
      expect(administer?.Action).not.toContain('kms:Sign')
      const sequencer = 'arn:aws:iam::123456789012:role/sluice-production-Sequencer'
      expect(sign).toMatchObject({ Effect: 'Allow', Principal: { AWS: sequencer } })
      expect(nobody).toMatchObject({ Effect: 'Deny', Action: 'kms:Sign', Condition: { StringNotEquals: { 'aws:PrincipalArn': sequencer } } })
    }
  })
  test('is alone once the first is let go of, which is kept, and by which then nobody signs', () => {
    expect(keys(after).map(({ name }) => name)).toEqual(['LogKey', 'LogKey2'])
    expect([...told(after)]).toEqual([arn('LogKey2')])
    expect(signing(after, 'Sequencer')).toEqual({ 'kms:Sign': [arn('LogKey2')], 'kms:GetPublicKey': [arn('LogKey2')] })
    expect(signing(after, 'Http')).toEqual({ 'kms:Sign': [], 'kms:GetPublicKey': [arn('LogKey2')] })
    expect(policy(after, 'LogKey').map(({ Effect, Action, Condition }) => [Effect, [Action].flat().includes('kms:Sign'), Condition])).toEqual([['Allow', false, undefined], ['Deny', true, undefined]])
    expect(policy(after, 'LogKey2')[2]).toMatchObject({ Effect: 'Deny', Action: 'kms:Sign' })
  })
})

describe('the numbers of the log\'s keys', () => {
  afterEach(() => { vi.unstubAllEnvs(); vi.resetModules() })
  const read = async (text: string) => {
    vi.stubEnv('SLUICE_LOG_KEYS', text)
    return (await import('../../infra/ring.ts')).ring
  }
  test.each([['', 1, 1], ['1', 1, 1], ['1,2', 1, 2], ['2', 2, 2], [' 2, 3 ', 2, 3]])('%j: from %i to %i', async (text, oldest, newest) => { expect(await read(text)).toEqual({ oldest, newest }) })
  test.each(['0', '12', '2,1', '1,3', '1,1', '1,', ',', '1;2', 'two', '1.5', '-1', '01'])('%j is an error before anything is deployed', async (text) => { await expect(read(text)).rejects.toThrow('SLUICE_LOG_KEYS') })
})
