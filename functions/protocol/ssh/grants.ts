import ssh2 from 'ssh2'
import type { ConnectionDocument } from '../../../schema/policy.ts'
import type { Finding, Grants, Ruled } from '../protocol.ts'
import { publicBlob } from './certificate.ts'
import type { Host } from './host.ts'

/**
 * What the host must have, as a script for the person who runs it; asks the host nothing. With an authority the host itself holds every login to the one command that was decided on; with a key of the login's own the gate alone
 * does, and that is said. The authority and the key are believed for these logins and no other: who steals them does not become anybody on the host.
 */
export function grants({ name }: ConnectionDocument, { credential, login, host }: Host, logins: readonly string[], rules: readonly Ruled[]): Grants {
  const users = logins.length > 0 ? logins : login === null ? [] : [login]
  const commands = [...new Set(rules.filter(({ actions }) => actions.includes('exec') || actions.includes('*')).flatMap(({ on }) => on.map(remark)))].toSorted()
  const [kept, file] = 'authority' in credential ? [`ssh-ed25519 ${publicBlob(credential.authority).toString('base64')} sluice-${name}`, `/etc/ssh/sluice_${name}.pub`] : [`restrict ${publicLine(credential.key)} sluice-${name}`, `/etc/ssh/sluice_${name}.keys`]
  const setting = 'authority' in credential ? `TrustedUserCAKeys ${file}` : `AuthorizedKeysFile ${file}`
  const config = `/etc/ssh/sshd_config.d/10-sluice-${name}.conf`
  const [first] = users.filter((user) => user !== 'root')
  const script = [
    `# On ${remark(host)}, as root. What the gate may run there is what these rules name:`, ...commands.map((command) => `#   ${command}`),
    ...(commands.some((command) => /^\S*\bsudo /.test(command)) ? ['# Those behind sudo want lines in /etc/sudoers.d that name them in full: a * there is any arguments at all.'] : []), 'set -eu',
    // A locked password (`!`) shuts a login out where sshd does not ask PAM; `*` is one that nothing matches.
    ...users.filter((user) => user !== 'root').map((user) => `id -u ${user} >/dev/null 2>&1 || useradd --system --create-home --shell /bin/sh --password '*' ${user}`),
    `printf '%s\\n' '${kept}' > ${file} && chmod 644 ${file}`,
    `cat > ${config} <<'END'`, ...users.flatMap((user) => blockOf(user, setting)), 'Match all', 'END', 'sshd -t',
    ...(first === undefined ? [] : [`sshd -T -C user=${first},host=localhost,addr=127.0.0.1 | grep -qix '${setting}' || { echo '${config} is not in force: sshd_config must include it, and no file before it may speak of ${first}' >&2; exit 1; }`]),
    'systemctl reload ssh 2>/dev/null || systemctl reload sshd',
  ]
  return { script: `${script.join('\n')}\n`, roles: users.map((user) => ({ use: 'write', name: user })), findings: findingsOf(name, credential, users) }
}

/**
 * A login that is the gate's alone: no other key opens it, and nothing but one command comes in by it. Each way of forwarding is named, because servers before OpenSSH 10.0 leave two of them open under `DisableForwarding` (CVE-2025-32728).
 * People also log in as root, so of that login nothing is taken.
 */
const blockOf = (user: string, setting: string): readonly string[] => user === 'root' ? [`Match User ${user}`, `  ${setting.replace('AuthorizedKeysFile', 'AuthorizedKeysFile .ssh/authorized_keys')}`] : [
  `Match User ${user}`, `  ${setting}`, ...(setting.startsWith('AuthorizedKeysFile') ? ['  TrustedUserCAKeys /dev/null'] : ['  AuthorizedKeysFile none']), '  AuthorizedKeysCommand none', '  AuthenticationMethods publickey', '  MaxSessions 1',
  '  DisableForwarding yes', '  AllowAgentForwarding no', '  AllowStreamLocalForwarding no', '  AllowTcpForwarding no', '  PermitTunnel no', '  X11Forwarding no', '  PermitTTY no', '  PermitUserRC no',
]

function findingsOf(name: string, credential: Host['credential'], users: readonly string[]): readonly Finding[] {
  return [
    ...('key' in credential ? [{ level: 'warning', name, message: 'its secret is a key of the login\'s own, which opens it for any command: whoever gets hold of it is held by nothing. With `authority` each command has a certificate for that command alone' } as const] : []),
    ...users.filter((user) => user === 'root').map((user): Finding => ({ level: 'warning', name: user, message: 'commands run as root: give the connection a login of its own, and let `sudo` have the commands that need more' })),
    ...(users.length === 0 ? [{ level: 'error', name, message: 'no login: the secret\'s `url` names none, and the connection has no `logins`' } as const] : []),
  ]
}

/** In a comment, which no text of a rule may end. */
const remark = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')

function publicLine(key: string): string {
  const parsed = ssh2.utils.parseKey(key)
  const [first] = parsed instanceof Error ? [] : [parsed].flat()
  return first === undefined ? '' : `${first.type} ${first.getPublicSSH().toString('base64')}`
}
