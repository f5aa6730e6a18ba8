import { afterAll, beforeAll, describe, it } from 'vitest'
import { contended } from './contended.ts'
import { kubectlToTest } from './kubectl.ts'
import { canaries } from './real/canary.ts'
import { hardships } from './real/hardship.ts'
import { findServers } from './real/servers.ts'
import { spellings } from './real/spellings.ts'
import { standReal, type Stand } from './real/stand.ts'
import { starts } from './real/start.ts'

/**
 * The gate before Kubernetes' own API server, which is asked what it read (its audit log), what it answers about values it holds (its words quote them), and what becomes of calls when it, or
 * what it goes by, is gone. Where `npm run cluster` has built it.
 */
const servers = findServers()
const binary = kubectlToTest()
if (servers === null || binary === null) it.skip('the gate before a real API server, which `npm run cluster` builds from Debian\'s source package in some ten minutes')
else describe('the gate before a real API server', { timeout: 120_000 }, () => {
  let stand: Stand
  beforeAll(async () => { stand = await standReal(servers, binary) }, 180_000)
  afterAll(() => stand?.close())

  describe('shows nothing that holds a class', () => { canaries(() => stand) })
  describe('serves who starts it', () => { starts(() => stand, binary) })
  describe('is read as it was decided', () => { spellings(() => stand) })
  describe('lets many write one object', () => { contended(() => ({ ...stand, world: stand.gated.world })) })
  describe('stands what befalls it', () => { hardships(() => stand) })
})
