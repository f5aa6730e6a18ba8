import { afterEach, describe, expect, test, vi } from 'vitest'
import { run } from '../../functions/cli/run.ts'
import type { Terminal } from '../../functions/cli/terminal.ts'
import { auditor } from '../support/caller.ts'
import type { TokenOptions } from '../support/ports.ts'
import { lead } from '../support/approvals.ts'
import { createHosted, operator } from '../support/host.ts'

/** The command line against a gate with a host behind it. */
function createCli() {
  const hosted = createHosted()
  const sent: { readonly url: string; readonly init: RequestInit }[] = []
  async function sluice(args: readonly string[], { as = operator, ...given }: { readonly as?: TokenOptions; readonly columns?: number | null; readonly rawErr?: boolean } = {}) {
    let [out, err] = ['', '']
    const terminal: Terminal = { out: (text) => { out += text }, err: (text) => { err += text }, input: async () => '', columns: null, color: false, env: { HOME: '/nowhere', SLUICE_TOKEN: await hosted.world.token(as) }, ...given }
    const fetch = async (url: string, init: RequestInit) => { sent.push({ url, init }); return hosted.app.request(url.replace('http://127.0.0.1:8787', ''), init) }
    return { code: await run(args, { terminal, fetch, bootstrap: async () => false }), out, err }
  }
  return { ...hosted, sluice, sent, bodies: () => sent.map(({ init }) => JSON.parse(String(init.body)) as unknown) }
}
afterEach(() => { vi.useRealTimers() })

describe('a command on a host', () => {
  test('what it wrote goes where it wrote it, words beside it; 0 when it ended so', async () => {
    const cli = createCli()
    cli.host.said = { stdout: 'Filesystem  Use%\n/dev/vda1\t81%\n', stderr: 'df: /mnt: slow\n', exitCode: 0 }
    const { code, out, err } = await cli.sluice(['exec', 'bastion', '--', 'df', '-h'])
    expect([code, out]).toEqual([0, 'Filesystem  Use%\n/dev/vda1\t81%\n'])
    expect(err).toMatch(/^df: \/mnt: slow\nevaluation eval_\S+ · session ses_\S+ · recorded as evt_\S+\n$/)
    expect(cli.host.ran).toEqual(['df -h'])
  })
  test('one that ends otherwise is 1, whatever its number is, and that is said', async () => {
    const cli = createCli()
    for (const exitCode of [1, 2, 3, 4, 255]) {
      cli.host.said = { stdout: 'x\n', stderr: '', exitCode }
      expect(await cli.sluice(['exec', 'bastion', '--', 'df', '-h'])).toMatchObject({ code: 1, out: 'x\n', err: expect.stringContaining(`exit ${exitCode}\n`) })
    }
  })
  test('one whose end is not known is 1', async () => {
    const cli = createCli()
    cli.host.said = { stdout: '', stderr: '', exitCode: null }
    expect((await cli.sluice(['exec', 'bastion', '--', 'df', '-h'])).code).toBe(1)
  })
  test('each word arrives as it stands: its options are its own, also those that are ours, and another `--`', async () => {
    const cli = createCli()
    for (const words of [['df', '-h'], ['df', '--json', '--help', '--purpose', 'x'], ['df', '--', '-h', '--explain'], ['sh', '-c', 'a b;\'c\' "d" $e'], ['df', '']]) await cli.sluice(['exec', 'bastion', '--', ...words])
    expect(cli.bodies()).toEqual([{ command: ['df', '-h'] }, { command: ['df', '--json', '--help', '--purpose', 'x'] }, { command: ['df', '--', '-h', '--explain'] }, { command: ['sh', '-c', 'a b;\'c\' "d" $e'] }, { command: ['df', ''] }])
  })
  test('purpose, session and key go along; the name cannot become another path', async () => {
    const cli = createCli()
    await cli.sluice(['exec', '../../v1/policy?x=', '--purpose', 'why', '--idempotency-key', 'k1', '--session', 'ses_1', '--', 'df', '-h'])
    expect([cli.sent[0]?.url, cli.bodies()[0]]).toEqual(['http://127.0.0.1:8787/v1/connections/..%2F..%2Fv1%2Fpolicy%3Fx%3D/exec', { purpose: 'why', command: ['df', '-h'] }])
    expect(cli.sent[0]?.init.headers).toMatchObject({ 'idempotency-key': 'k1', 'sluice-session': 'ses_1' })
  })
  test('--json is the answer as it came, and nothing beside it; the exit code says the same', async () => {
    const cli = createCli()
    cli.host.said = { stdout: 'a\n', stderr: 'b\n', exitCode: 3 }
    const { code, out, err } = await cli.sluice(['exec', 'bastion', '--json', '--', 'df', '-h'])
    expect([code, JSON.parse(out), err]).toMatchObject([1, { stdout: 'a\n', stderr: 'b\n', exitCode: 3 }, ''])
  })
})

describe('what a host wrote', () => {
  const nasty = '\u001b]0;title\u0007\u001b[2Jok\r\nspoof\u202egnp\r\ttab\u009b31m\u200b'
  test('neither moves nor repaints a terminal: not by its output, not by its errors', async () => {
    const cli = createCli()
    cli.host.said = { stdout: nasty, stderr: nasty, exitCode: 0 }
    const { out, err } = await cli.sluice(['exec', 'bastion', '--', 'df', '-h'], { columns: 80 })
    for (const text of [out, err]) {
      expect(text).not.toMatch(/[^\P{C}\n\t]/u)
      expect(text).toContain('\\u{1b}[2Jok\nspoof\\u{202e}gnp\\r\ttab\\u{9b}31m\\u{200b}\n')
    }
  })
  test('comes as it is where nobody looks: in a pipe or a file', async () => {
    const cli = createCli()
    cli.host.said = { stdout: nasty, stderr: nasty, exitCode: 0 }
    const { out, err } = await cli.sluice(['exec', 'bastion', '--', 'df', '-h'], { rawErr: true })
    expect([out, err.startsWith(nasty)]).toEqual([nasty, true])
  })
})

describe('exit codes', () => {
  test.each([
    [2, ['exec', 'bastion', '--', 'cat', '/etc/shadow']], [2, ['exec', 'bastion', '--', 'df', '-h', '/']], [2, ['exec', 'bastion', '--', 'systemctl', 'status', '-H']], [4, ['exec', 'bastion', '--', 'systemctl', 'restart', 'front']], [3, ['exec', 'nowhere', '--', 'df']],
    [3, ['exec', 'bastion', '--', '-c']], [3, ['exec', 'bastion', '--', '']], [3, ['exec', 'bastion', '--', 'df', 'a\nb']], [3, ['exec', 'bastion', '--']], [3, ['exec', 'bastion', 'df']], [3, ['exec', 'bastion', 'df', '-h']], [3, ['exec', 'bastion', 'df', '--', '-h']], [3, ['exec', '--', 'df']], [3, ['exec']],
    [3, ['exec', 'bastion', '--nonsense', '--', 'df']], [3, ['exec', 'bastion', '--wait', 'long', '--', 'df']], [3, ['exec', 'bastion', '--wait', '--', 'df']], [3, ['exec', 'bastion', '--pod', 'p', '--', 'df']], [3, ['exec', 'bastion', '--namespace', 'n', '--', 'df']], [3, ['exec', 'bastion', '--container', 'c', '--', 'df']],
    [0, ['exec', 'bastion', '--explain', '--', 'df', '-h']], [2, ['exec', 'bastion', '--explain', '--', 'reboot']], [4, ['exec', 'bastion', '--explain', '--', 'systemctl', 'restart', 'front']], [3, ['exec', 'bastion', '--explain', '--wait', '5', '--', 'df']], [0, ['exec', '--help']], [0, ['help', 'exec']],
  ])('%i for %j', async (code, args) => {
    const cli = createCli()
    const ended = await cli.sluice(args)
    expect(ended.code, ended.err).toBe(code)
    expect(cli.host.ran).toEqual([])
    if (code === 2 && !args.includes('--explain')) expect(ended.err).toContain('your roles allow `exec` on')
  })
  test('without `--` it says to put it there, also where an option of the command asks for help', async () => {
    const { code, out, err } = await createCli().sluice(['exec', 'bastion', 'df', '-h'])
    expect([code, out, err]).toEqual([3, '', expect.stringContaining('put `--` before the command')])
  })
  test('a container is named in the same call', async () => {
    const cli = createCli()
    await cli.sluice(['exec', 'cluster', '--namespace', 'web', '--pod', 'front-1', '--container', 'app', '--', 'cat', '/etc/hostname'])
    expect(cli.bodies()).toEqual([{ namespace: 'web', pod: 'front-1', container: 'app', command: ['cat', '/etc/hostname'] }])
  })
})

describe('a command that waits', () => {
  const restart = ['exec', 'bastion', '--purpose', 'it hangs', '--', 'systemctl', 'restart', 'front'] as const
  const idOf = (text: string): string => /arq_[0-9A-Za-z]+/.exec(text)?.[0] ?? ''
  test('says who decides and how it goes on, and the same call again asks nobody again', async () => {
    const cli = createCli()
    const first = await cli.sluice(restart)
    const again = await cli.sluice(restart)
    expect(first).toMatchObject({ code: 4, out: '', err: expect.stringMatching(/^waits for 1 of support-leads, until [^]*follow it with `sluice requests arq_\w+`, or send the same call again/) })
    expect(idOf(again.err)).toBe(idOf(first.err))
  })
  test('who decides reads a command, and nothing of rows; who asked reads what it wrote', async () => {
    const cli = createCli()
    cli.host.said = { stdout: 'restarted\n', stderr: 'a warning\n', exitCode: 0 }
    const id = idOf((await cli.sluice(restart)).err)
    const { out } = await cli.sluice(['requests', id], { as: lead })
    expect(out).toMatch(/\ncommand\n {4}systemctl restart front\nruns {9}as deploy, on /)
    expect(out).toContain('runs as      one command, without a terminal and without input')
    expect(out).not.toMatch(/\b(rows|statement|read committed|would)\b/)
    expect((await cli.sluice(['approve', id, '--yes'], { as: lead })).code).toBe(0)
    expect(await cli.approver.proceed(id as `arq_${string}`)).toBe('succeeded')
    expect(cli.host.ran).toEqual(['systemctl restart front'])
    expect(await cli.sluice(['requests', id])).toMatchObject({ code: 0, out: expect.stringMatching(/\nrestarted\n$/), err: 'a warning\n' })
    expect(await cli.sluice(restart)).toMatchObject({ code: 0, out: 'restarted\n' })
    expect(cli.host.ran).toHaveLength(1)
  })
  test('--wait says at once who decides, and then holds no longer than it says, by the calls that a gate can hold', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 })
    const held: unknown[] = []
    let err = ''
    const waiting = { request: { id: 'arq_1', quorum: 1, approvers: ['support-leads'], expiresAt: 'then', url: 'there' } }
    const fetch = async (_: string, init: RequestInit) => {
      const prefer = new Headers(init.headers).get('prefer')
      held.push(prefer, err.includes('holding until it is decided'))
      vi.setSystemTime(Date.now() + Number(prefer?.split('=')[1] ?? 0) * 1000)
      return Response.json(waiting, { status: 202 })
    }
    const terminal: Terminal = { out: () => {}, err: (text) => { err += text }, input: async () => '', columns: null, color: false, env: { HOME: '/nowhere', SLUICE_TOKEN: 'x' } }
    expect(await run(['exec', 'bastion', '--wait', '120', '--', 'df'], { terminal, fetch, bootstrap: async () => false })).toBe(4)
    expect([held, err]).toEqual([[null, false, 'wait=50', true, 'wait=50', true, 'wait=20', true], expect.stringContaining('holding until it is decided')])
  })
})

test('on record it ended with its exit code, not with rows; played back it runs as somebody, by the login that the host\'s own log names', async () => {
  const cli = createCli()
  cli.host.said = { stdout: 'out \u001b[2J\n', stderr: '', exitCode: 3 }
  const session = /session (ses_\S+)/.exec((await cli.sluice(['exec', 'bastion', '--', 'df', '-h'])).err)?.[1] ?? ''
  expect((await cli.sluice(['audit', 'list'], { as: auditor })).out).toMatch(/outcome +agent:operator +bastion +succeeded, exit 3\n/)
  const { out } = await cli.sluice(['audit', 'replay', session], { as: auditor })
  expect(out).toMatch(/\n {6}runs {6}as deploy, on [^\n]+\n[^]*\n {6}outcome {3}succeeded, login sluice-1, \d+ ms\n {6}said {6}exitCode 3\n {6}stdout\n {6}│ out \\u\{1b\}\[2J\n/)
  expect(out).not.toMatch(/HTTP|would change/)
})
