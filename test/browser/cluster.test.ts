import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { approve, browserHere, reader, shoot, signIn, startRig, words, type Rig } from './rig.ts'

const omar = 'user:omar@acme.dev'
const front = '/v1/kubernetes/cluster/apis/apps/v1/namespaces/web/deployments/front'

describe.skipIf(!browserHere)('a change of a cluster, and a command in it, in a real browser', () => {
  let rig: Rig
  beforeAll(async () => { rig = await startRig() })
  afterAll(() => rig?.stop())

  test.each([['phone', 360, 6], ['desktop', 1200, 7]] as const)('the card says what is true of the object, and the replay shows the change and all that was written (%s)', async (name, width, replicas) => {
    const { context, page, complaints } = await reader(rig, width)
    const shot = (what: string) => shoot(rig, page, `${name}-cluster-${what}`)
    const read = async (id: string, what: string) => {
      await page.goto(`${rig.stack.console}/requests/${id}`)
      if (await page.getByRole('link', { name: /^Sign in/ }).count() > 0) await signIn(page, omar)
      await shot(what)
      const said = await words(page)
      await approve(page)
      return said
    }
    const session = async (token: string, method: string, path: string, body: unknown) => {
      const answer = await fetch(rig.stack.url + path, { method, headers: { authorization: `Bearer ${token}`, 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }, body: JSON.stringify(body) })
      return { session: answer.headers.get('sluice-session') ?? '', id: /arq_[0-9A-Z]{26}/.exec(await answer.text())?.[0] ?? '' }
    }
    const bot = await rig.token('agent:support-bot', 'support-agents')
    const scaled = await session(bot, 'PATCH', front, { spec: { replicas } })
    const card = await read(scaled.id, '1-card')
    for (const part of ['one request to the API server', 'its version goes along', 'of the object with uid', 'generation', `+ replicas: ${replicas}`]) expect(card).toContain(part)
    expect(card).not.toMatch(/read committed|Form of a row|Rows given/)

    const person = await rig.token('agent:deployer', 'platform')
    const pods = (await rig.call('GET', '/v1/kubernetes/cluster/api/v1/namespaces/web/pods?labelSelector=app%3Dfront', person)).body as unknown as { items: { metadata: { name: string } }[] }
    const ran = await session(person, 'POST', '/v1/connections/cluster/exec', { namespace: 'web', pod: pods.items[0]?.metadata.name, command: ['ls', '-l', name] })
    await read(ran.id, '2-command')
    await page.getByRole('button', { name: 'Sign out' }).click()
    for (const [what, one, parts] of [['3-replay', scaled.session, [`+ replicas: ${replicas}`, 'What it would change', 'HTTP 200']], ['4-output', ran.session, ['What it wrote to stdout', 'exitCode 0']]] as const) {
      await page.goto(`${rig.stack.console}/audit/sessions/${one}`)
      if (await page.getByRole('link', { name: /^Sign in/ }).count() > 0) await signIn(page, 'user:audrey@acme.dev')
      await shot(what)
      for (const part of parts) expect(await words(page)).toContain(part)
    }
    expect(complaints.filter((line) => !/401/.test(line))).toEqual([])
    await context.close()
  })
})
