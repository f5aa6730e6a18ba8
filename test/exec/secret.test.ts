import { expect, test } from 'vitest'
import { split } from '../../schema/content.ts'
import { createHosted, withRules } from '../support/host.ts'

const token = `ghp_${'hunter2x'.repeat(5)}`
const named = [['mysql', '-u', 'ro', '-phunter2x', '-e', 'show status'], ['curl', 'https://ops:hunter2x@h/', '*'], ['deployctl', '--token', 'hunter2x', '*'], ['gh', token]] as const

test('a password that a rule names stands in clear nowhere: neither in what an event keeps for ever nor in what a refusal says of the rules', async () => {
  const at = createHosted(withRules([{ allow: ['exec'], connection: 'bastion', on: named.map((words) => [...words]) }]))
  for (const words of [named[0], ['curl', 'https://ops:hunter2x@h/', 'x'], ['deployctl', '--token', 'hunter2x', 'x'], ['gh', token]]) expect((await at.exec(words)).status).toBe(200)
  for (const words of [['deployctl', '--token', 'hunter3y', '--force'], ['deployctl', '--token', 'hunter2x', '--force'], ['mysql', '-phunter2x']]) {
    const { status, text } = await at.exec(words)
    expect(status).toBe(403)
    expect(text).toContain('deployctl --token')
    expect(text.replaceAll(words.join(' '), '').replaceAll(token, '')).not.toContain('hunter2x')
  }
  const all = at.world.events.map((event) => JSON.stringify(event)).join('\n')
  expect(all).not.toMatch(/hunter[23]/)
  expect(at.world.events.flatMap((event) => (event.kind === 'intent' ? event.accesses.map(({ resource }) => resource) : []))).toEqual(['mysql -u ro * -e \'show status\'', 'curl * *', 'deployctl --token * *', 'gh [redacted: token]'])
  expect(at.world.events.map((event) => JSON.stringify(split(event).open)).join()).not.toMatch(/hunter/)
})

test('nor one of a command behind another program, of a script, or of one that is refused', async () => {
  const at = createHosted(withRules([{ allow: ['exec'], connection: 'bastion', on: [['sudo', 'true']] }]))
  for (const words of [['sudo', 'mysql', '-phunter2x', '-e', 'x'], ['bash', '-c', 'cd /srv && mysql --password hunter2x'], ['timeout', '60', 'sshpass', '-p', 'hunter2x', 'ssh', 'h'], ['curl', '-ubob:hunter2x', 'h']]) expect((await at.exec(words)).status).toBe(403)
  expect(JSON.stringify(at.world.events)).not.toContain('hunter2x')
})
