import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import ssh2 from 'ssh2'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type * as Certificate from '../../../functions/protocol/ssh/certificate.ts'
import { certificate, certificateType, keyText, publicBlob, rawKey } from '../../../functions/protocol/ssh/certificate.ts'
import { readHost } from '../../../functions/protocol/ssh/host.ts'
import { me, noSshd, sshd, startSshd, type Sshd } from '../../support/sshd.ts'
import { engineOf, go } from './rig.ts'

/** Whoever gets hold of the key and the certificate of one command, while they are good, with OpenSSH's own client in hand. */
const shown: { readonly blob: Buffer; readonly key: KeyObject }[] = []
vi.mock('../../../functions/protocol/ssh/certificate.ts', async (original) => {
  const real = await original<typeof Certificate>()
  return { ...real, certificate: (...given: Parameters<typeof real.certificate>) => { const blob = real.certificate(...given); shown.push({ blob, key: given[0].subject }); return blob } }
})
let server: Sshd
beforeAll(async () => { if (sshd !== null) server = await startSshd(['AllowAgentForwarding yes', 'AllowTcpForwarding yes', 'X11Forwarding yes', 'PermitTTY yes', 'PermitUserRC yes', 'GatewayPorts yes', 'PermitTunnel yes', 'Subsystem sftp internal-sftp']) })
afterAll(async () => { await server?.stop() })
const children: ChildProcess[] = []
afterEach(() => { for (const child of children.splice(0)) child.kill('SIGKILL') })

/** Runs a command, and gives what logged in for it, as files that `ssh -i` takes. */
async function stolen(words: readonly string[]): Promise<string> {
  shown.length = 0
  await go(engineOf(server.certified), words)
  const [one] = shown
  if (one === undefined) throw new Error('no certificate was made')
  return laid(one.key, one.blob)
}
function laid(key: KeyObject, blob: Buffer): string {
  const file = join(mkdtempSync(join(server.directory, 'stolen-')), 'key')
  writeFileSync(file, keyText(key), { mode: 0o600 })
  writeFileSync(`${file}-cert.pub`, `${certificateType} ${blob.toString('base64')}\n`)
  return file
}
/** OpenSSH's own client with it. */
function ssh(key: string, options: readonly string[], words: readonly string[] = [], login = me): Promise<{ code: number | null; out: string; err: string }> {
  const common = ['-F', 'none', '-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'PasswordAuthentication=no', '-o', 'BatchMode=yes', '-p', String(server.port)]
  return new Promise((resolve) => {
    const child = execFile('ssh', [...common, ...options, `${login}@127.0.0.1`, ...words], { timeout: 15_000 }, (error, out, err) => { resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }) })
    child.stdin?.end()
    children.push(child)
  })
}

describe.skipIf(sshd === null)(`the certificate of one command${sshd === null ? ` (${noSshd})` : ''}`, () => {
  test('says, as OpenSSH reads it, who, until when and what, and grants nothing', async () => {
    const key = await stolen(['echo', 'it\'s', 'this'])
    const text = await new Promise<string>((resolve, reject) => { execFile('ssh-keygen', ['-L', '-f', `${key}-cert.pub`], { env: { ...process.env, TZ: 'UTC' } }, (error, out) => { if (error) reject(error); else resolve(out) }) })
    const lines = text.split('\n').map((line) => line.trim())
    expect(lines[1]).toBe('Type: ssh-ed25519-cert-v01@openssh.com user certificate')
    expect(lines.find((line) => line.startsWith('Key ID'))).toMatch(/^Key ID: "sluice-[0-9a-f-]{36}"$/)
    expect(lines.slice(lines.indexOf('Principals:'), lines.indexOf('Principals:') + 2)).toEqual(['Principals:', me])
    expect(lines.slice(lines.indexOf('Critical Options:'))).toEqual(['Critical Options:', 'force-command echo \'it\'\\\'\'s\' this', 'Extensions: (none)', ''])
    const [, from, until] = /^Valid: from (\S+) to (\S+)$/.exec(lines.find((line) => line.startsWith('Valid')) ?? '') ?? []
    expect(Date.parse(`${until}Z`) - Date.parse(`${from}Z`)).toBe(120_000)
  })
  test('runs that command and no other, whatever is asked for with it: words, a shell, a terminal, sftp', async () => {
    const key = await stolen(['printenv'])
    for (const [options, words] of [[[], ['touch', `${server.directory}/other`]], [[], []], [['-t'], ['sh']]] as const) {
      const { out, err } = await ssh(key, options, words)
      expect(out, options.join()).toContain('SSH_CONNECTION=')
      for (const not of ['SSH_TTY', 'SSH_AUTH_SOCK', 'DISPLAY']) expect(out + err).not.toContain(`${not}=`)
    }
    expect(() => readFileSync(`${server.directory}/other`)).toThrow()
    const sftp = await ssh(key, ['-s'], ['sftp'])
    expect(sftp.out === '' ? sftp.err : sftp.out).toMatch(/SSH_CONNECTION=|subsystem request failed/)
    expect(await ssh(key, ['-tt'])).toMatchObject({ out: '', err: expect.stringContaining('PTY allocation request failed') as unknown })
  }, 120_000)
  test('forwards no agent and no display', async () => {
    const key = await stolen(['printenv'])
    const agent = spawn('ssh-agent', ['-D', '-a', `${server.directory}/agent`], { stdio: 'ignore' })
    children.push(agent)
    await expect.poll(() => existsSync(`${server.directory}/agent`)).toBe(true)
    vi.stubEnv('SSH_AUTH_SOCK', `${server.directory}/agent`).stubEnv('DISPLAY', ':0')
    const { out } = await ssh(key, ['-A', '-X'])
    vi.unstubAllEnvs()
    expect(out).toContain('SSH_CLIENT=')
    expect(out).not.toMatch(/SSH_AUTH_SOCK=|DISPLAY=/)
  })
  test('forwards no port, neither way, and no tunnel', async () => {
    const key = await stolen(['sleep', '1'])
    expect(await ssh(key, ['-W', `127.0.0.1:${server.port}`])).toMatchObject({ code: 255, out: '', err: expect.stringMatching(/administratively prohibited|forwarding failed/) as unknown })
    expect(await ssh(key, ['-N', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1'])).toMatchObject({ code: 255, err: expect.stringContaining('remote port forwarding failed') as unknown })
    expect((await ssh(key, ['-N', '-o', 'ExitOnForwardFailure=yes', '-w', '0:0'])).code).not.toBe(0)
    await expect(new Promise((resolve, reject) => { connect(server.port + 1, '127.0.0.1', () => { resolve('open') }).on('error', reject) })).rejects.toThrow()
  }, 120_000)
  test('lets nobody in as another user', async () => {
    const key = await stolen(['id'])
    expect(await ssh(key, [], [], 'daemon')).toMatchObject({ code: 255, out: '', err: expect.stringContaining('Permission denied') as unknown })
    expect(server.log()).toContain('name is not a listed principal')
  })
  test.each([['expired', -120, -60], ['not yet valid', 60, 120]] as const)('is refused when it is %s', async (why, from, until) => {
    const seconds = Math.floor(Date.now() / 1000)
    const { privateKey: subject } = generateKeyPairSync('ed25519')
    const read = readHost(server.certified)
    if (!read.ok || !('authority' in read.host.credential)) throw new Error('no authority')
    const blob = certificate({ subject, login: me, command: 'id', id: 'sluice-test', from: seconds + from, until: seconds + until }, read.host.credential.authority)
    expect(await ssh(laid(subject, blob), [])).toMatchObject({ code: 255, out: '', err: expect.stringContaining('Permission denied') as unknown })
    expect(server.log()).toContain(why)
  })
  test('is refused when another authority signed it, and when a byte of it is another', async () => {
    await stolen(['id'])
    const [{ blob, key }] = shown as [{ blob: Buffer; key: KeyObject }]
    const other = Buffer.from(blob)
    other.write('ls', blob.indexOf('force-command') + 'force-command'.length + 8)
    expect((await ssh(laid(key, other), [])).code).toBe(255)
    const seconds = Math.floor(Date.now() / 1000)
    const { privateKey: subject } = generateKeyPairSync('ed25519')
    const forged = certificate({ subject, login: me, command: 'id', id: 'x', from: seconds - 60, until: seconds + 60 }, generateKeyPairSync('ed25519').privateKey)
    expect((await ssh(laid(subject, forged), [])).code).toBe(255)
  })
  test('a key is written as OpenSSH reads it, whatever its first bytes are', async () => {
    for (let zeros = 0; zeros < 2;) {
      const { privateKey } = generateKeyPairSync('ed25519')
      if (rawKey(privateKey)[0] !== 0) continue
      zeros++
      expect(ssh2.utils.parseKey(keyText(privateKey))).toMatchObject({ type: 'ssh-ed25519' })
      const file = laid(privateKey, Buffer.alloc(0))
      expect(execFileSync('ssh-keygen', ['-y', '-f', file], { encoding: 'utf8' })).toContain(publicBlob(privateKey).toString('base64'))
    }
  })
  test('two commands have two keys and two certificates, and the authority\'s own key opens nothing', async () => {
    await stolen(['id'])
    const [first] = shown
    await stolen(['id'])
    expect([shown[0]?.blob.equals(first?.blob ?? Buffer.alloc(0)), shown[0]?.key.equals(first?.key as KeyObject)]).toEqual([false, false])
    expect((await ssh(join(server.directory, 'authority'), [], ['id'])).code).toBe(255)
  })
})
