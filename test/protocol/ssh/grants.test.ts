import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Ruled } from '../../../functions/protocol/protocol.ts'
import { grants } from '../../../functions/protocol/ssh/grants.ts'
import { readHost } from '../../../functions/protocol/ssh/host.ts'
import { me, noSshd, somebody, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { connection, engineOf, go, outcome } from './rig.ts'

const ruled = (...on: readonly string[]): Ruled[] => [{ actions: ['exec'], on, role: 'r' }]
const keygen = (directory: string, name: string, ...more: readonly string[]): void => { execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(directory, name), ...more]) }
function grantsOf(secret: string, rules: readonly Ruled[], logins: readonly string[], document: ConnectionDocument = connection) {
  const read = readHost(secret)
  if (!read.ok) throw new Error(read.why)
  return grants(document, read.host, logins, rules)
}

describe('the script', () => {
  let [certified, keyed] = ['', '']
  beforeAll(() => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-grants-'))
    for (const name of ['host', 'authority', 'own']) keygen(directory, name)
    const [hostKeys, authority, privateKey] = ['host.pub', 'authority', 'own'].map((name) => readFileSync(join(directory, name), 'utf8'))
    const url = 'ssh://bot@host.example'
    ;[certified, keyed] = [JSON.stringify({ url, hostKeys, authority }), JSON.stringify({ url, hostKeys, privateKey })]
    rmSync(directory, { recursive: true })
  })
  const hostile = ['x\nrm -rf /', 'x\rid', 'a\u2028id', 'a\u0085id', 'END', '\nEND\nid\n', '\'; id; \'', '$(id)', '`id`', 'x\\', '# ', 'a\u202eid', '\x1b[2J']
  test('holds no text of a rule but in comments, none of which it ends', () => {
    for (const secret of [certified, keyed]) {
      const code = (script: string) => script.split('\n').filter((line) => !line.startsWith('#'))
      const { script } = grantsOf(secret, ruled(...hostile), [])
      expect(code(script)).toEqual(code(grantsOf(secret, [], []).script))
      expect(script).not.toMatch(/[^\n\x20-\x7e]/)
      expect(spawnSync('sh', ['-n'], { input: script }).status).toBe(0)
      expect(spawnSync('sh', [], { input: script.split('\n').filter((line) => line.startsWith('#')).join('\n') }).stdout.toString()).toBe('')
    }
  })
  test('names what commands rules allow, and says of those behind sudo what sudo wants', () => {
    const { script } = grantsOf(certified, [...ruled('df -h', 'sudo systemctl restart *'), { actions: ['select'], on: ['public.a'] }, { actions: ['*'], on: ['uptime'] }], [])
    expect(script.split('\n').filter((line) => line.startsWith('#'))).toEqual(['# On host.example, as root. What the gate may run there is what these rules name:', '#   df -h', '#   sudo systemctl restart *', '#   uptime', expect.stringContaining('/etc/sudoers.d')])
  })
  test('believes the authority for the logins it names alone, and leaves each connection a file of its own', () => {
    const { script, roles } = grantsOf(certified, [], ['deploy', 'ops'], { ...connection, name: 'edge.eu-1' })
    const [, config = ''] = script.split(/<<'END'\n|\nEND\n/)
    expect(config.split('\n')[0]).toBe('Match User deploy')
    expect(config.match(/TrustedUserCAKeys .*/g)).toEqual(Array.from({ length: 2 }, () => 'TrustedUserCAKeys /etc/ssh/sluice_edge.eu-1.pub'))
    expect(script).toContain('/etc/ssh/sshd_config.d/10-sluice-edge.eu-1.conf')
    expect(roles).toEqual([{ use: 'write', name: 'deploy' }, { use: 'write', name: 'ops' }])
    expect(script).not.toContain('PRIVATE')
  })
  test('takes nothing from root, whom people log in as, and makes nobody of that name', () => {
    for (const secret of [certified, keyed]) {
      const { script, findings } = grantsOf(secret, [], ['root'])
      expect(script).not.toMatch(/useradd|AuthorizedKeysFile none|PermitTTY|DisableForwarding|sshd -T/)
      expect(findings).toContainEqual({ level: 'warning', name: 'root', message: expect.stringContaining('commands run as root') as string })
    }
    expect(grantsOf(keyed, [], ['root']).script).toContain('AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/sluice_bastion.keys')
  })
  test('says where there is no login, and what a key of the login\'s own is', () => {
    expect(grantsOf(certified.replace('bot@', ''), [], []).findings).toEqual([{ level: 'error', name: 'bastion', message: expect.stringContaining('no login') as string }])
    expect(grantsOf(keyed, [], []).findings).toEqual([{ level: 'warning', name: 'bastion', message: expect.stringContaining('opens it for any command') as string }])
  })
})

/** Root's server lets others in; anybody else's only themselves. */
const login = process.getuid?.() === 0 ? somebody : me
const absent = sshd === null ? ` (${noSshd})` : login === null ? ' (root has nobody else with a shell here)' : ''
describe.skipIf(absent !== '')(`run on a host${absent}`, () => {
  let [server, etc] = [undefined as Sshd | undefined, '']
  const at = (): Sshd => { if (server === undefined) throw new Error('no server'); return server }
  const as = (secret: string, name: string): string => JSON.stringify({ ...JSON.parse(secret) as object, url: `ssh://${name}@127.0.0.1:${at().port}` })
  /** The script as it is, on a machine whose `/etc/ssh` is elsewhere and on which nothing can be made. */
  async function install(secret: string): Promise<string> {
    for (const name of ['id', 'useradd', 'systemctl']) { writeFileSync(join(etc, 'bin', name), '#!/bin/sh\n'); chmodSync(join(etc, 'bin', name), 0o755) }
    writeFileSync(join(etc, 'bin', 'sshd'), `#!/bin/sh\nexec ${sshd ?? ''} -f ${join(at().directory, 'config')} "$@"\n`)
    chmodSync(join(etc, 'bin', 'sshd'), 0o755)
    const { status, stderr } = spawnSync('sh', [], { input: grantsOf(secret, ruled('df -h'), [login ?? '']).script.replaceAll('/etc/ssh/', `${etc}/`), env: { PATH: `${etc}/bin:/usr/bin:/bin` } })
    await at().kill()
    await at().start()
    return `${status} ${stderr.toString()}`
  }
  beforeAll(async () => {
    etc = mkdtempSync(join(tmpdir(), 'sluice-etc-'))
    chmodSync(etc, 0o755)
    for (const name of ['sshd_config.d', 'bin']) mkdirSync(join(etc, name))
    // what the authority signs opens nothing but by what the script lays down
    server = await startSshd([`Include ${etc}/sshd_config.d/*.conf`, 'TrustedUserCAKeys /dev/null', ...(process.getuid?.() === 0 ? ['UsePAM yes'] : [])])
  })
  afterAll(async () => { await server?.stop(); if (etc !== '') rmSync(etc, { recursive: true, force: true }) })
  const client = (options: readonly string[], ...words: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync('ssh', ['-F', 'none', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentitiesOnly=yes', '-o', 'ExitOnForwardFailure=yes', '-o', 'LogLevel=ERROR', '-i', join(etc, 'thief'), '-p', `${at().port}`, '-l', login ?? '', ...options, '127.0.0.1', ...words], { input: '', timeout: 20_000 })
    return { status, out: stdout.toString(), err: stderr.toString() }
  }

  test('before it nobody comes in; after it the gate\'s commands run, and neither another key nor the authority as somebody else opens anything', async () => {
    const mine = engineOf(as(at().certified, login ?? ''))
    expect(outcome(await go(mine, ['id', '-un']))).toMatch(/^failed /)
    expect(await install(at().certified)).toBe('0 ')
    expect((await go(mine, ['id', '-un'])).said).toEqual({ stdout: `${login}\n`, stderr: '', exitCode: 0, truncated: false })
    expect((await go(mine, ['printf', '%s|', 'a b', '!', '\''])).said?.stdout).toBe('a b|!|\'|')
    expect(outcome(await go(engineOf(as(at().keyed, login ?? '')), ['id']))).toMatch(/^failed /)
    if (process.getuid?.() === 0) expect(outcome(await go(engineOf(as(at().certified, 'root')), ['id']))).toMatch(/^failed /)
  })
  test('with a certificate that allows all there is, no terminal and no forwarding is to be had', () => {
    keygen(etc, 'thief')
    execFileSync('ssh-keygen', ['-q', '-s', join(at().directory, 'authority'), '-I', 'thief', '-n', login ?? '', '-V', '+5m', join(etc, 'thief.pub')])
    expect(client([], 'echo', 'in').out).toBe('in\n')
    expect(client(['-tt'], 'tty').err).toMatch(/PTY allocation request failed/)
    expect(client(['-W', `127.0.0.1:${at().port}`])).toMatchObject({ out: '', err: expect.stringMatching(/prohibited|refused|failed/i) as string })
    expect(client(['-N', '-R', '0:127.0.0.1:1']).status).not.toBe(0)
    expect(client(['-A'], 'echo', 'agent:$SSH_AUTH_SOCK').out).toBe('agent:\n')
  })
  test('a key of the login\'s own opens that login, from a file that no command of its can change', async () => {
    rmSync(join(etc, 'sshd_config.d'), { recursive: true })
    mkdirSync(join(etc, 'sshd_config.d'))
    expect(await install(at().keyed)).toBe('0 ')
    expect((await go(engineOf(as(at().keyed, login ?? '')), ['id', '-un'])).said?.stdout).toBe(`${login}\n`)
    expect(outcome(await go(engineOf(as(at().certified, login ?? '')), ['id']))).toMatch(/^failed /)
  })
  test('a host whose configuration does not read the file is told of', async () => {
    writeFileSync(join(etc, 'sshd_config.d', '00-other.conf'), `Match User ${login}\n  AuthorizedKeysFile /dev/null\n`)
    expect(await install(at().keyed)).toMatch(/^1 .*10-sluice-bastion\.conf is not in force/)
  })
})
