import { generateKeyPairSync, timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import ssh2, { type AuthContext, type Connection, type ParsedKey, type PublicKeyAuthContext } from 'ssh2'
import { commandWords } from '../../schema/command.ts'
import type { Bundle } from '../../schema/policy.ts'
import { keyText, publicBlob } from '../protocol/ssh/certificate.ts'
import { createMachine, type Ran } from './bastion/machine.ts'

export interface Bastion {
  /** Secret name → what reaches the host: of this run, and only in memory. Empty: no connection of the policy leads to one. */
  readonly secrets: Readonly<Record<string, string>>
  close(): Promise<void>
}
const login = 'support'
const graceMs = 200

/** The demo's host, where the demo's policy has a connection to one; for another policy nothing. */
export async function startBastion({ bundle, demo, now }: { readonly bundle: Bundle; readonly demo: boolean; readonly now: () => number }): Promise<Bastion> {
  const [only] = bundle.documents.flatMap(({ document }) => (document.kind === 'connection' && document.engine === 'ssh' && document.secret !== undefined ? [document.secret] : []))
  if (!demo || only === undefined) return { secrets: {}, close: async () => {} }
  const { url, hostKey, privateKey, close } = await startHost(now)
  return { secrets: { [only]: JSON.stringify({ url, hostKeys: hostKey, privateKey }) }, close }
}

/**
 * An SSH server in this process, on loopback: one login by one key, one command a session, and nothing else of the protocol (no shell, no terminal, no files, no forwarding: what nobody listens for, the library refuses). What it is not:
 * bastion/README.md.
 */
async function startHost(now: () => number) {
  const [host, own] = [newKey(), newKey()]
  const known = ssh2.utils.parseKey(own.line)
  if (known instanceof Error) throw known
  const run = createMachine(now)
  const clients = new Set<Connection>()
  const server = new ssh2.Server({ hostKeys: [host.text], ident: 'demo' }, (client) => {
    clients.add(client)
    client.on('error', () => undefined)                               // of whoever hangs up in the middle
    client.on('close', () => { clients.delete(client) })
    client.on('authentication', (context) => { if (isOwner(context, known)) context.accept(); else context.reject(['publickey']) })
    client.on('session', (accept) => {
      accept().on('exec', (take, _refuse, { command }) => {
        const channel = take()
        const { out, err, code } = answer(run, command)
        channel.stdout.write(out)
        channel.stderr.write(err)
        channel.exit(code)
        channel.end()
      })
    })
  })
  await new Promise<void>((done, fail) => { server.once('error', fail).listen(0, '127.0.0.1', done) })
  return {
    url: `ssh://${login}@127.0.0.1:${(server.address() as AddressInfo).port}`, hostKey: host.line, privateKey: own.text,
    async close() {
      const closed = new Promise<void>((done) => { server.close(() => { done() }) })
      const cut = setTimeout(() => { for (const client of clients) client.end() }, graceMs)
      await closed
      clearTimeout(cut)
    },
  }
}

/** As files have it: the private key, and the public one as a line. Not by the library's own writer, of which one key in 256 cannot be read. */
function newKey(): { readonly text: string; readonly line: string } {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { text: keyText(privateKey), line: `ssh-ed25519 ${publicBlob(privateKey).toString('base64')}` }
}

/** RFC 4252, 7: first without a signature, to hear whether the key would do; then over what was asked. */
function isOwner(context: AuthContext, known: ParsedKey): boolean {
  if (context.username !== login || context.method !== 'publickey') return false
  const { key, signature, blob, hashAlgo } = context as PublicKeyAuthContext
  const wanted = known.getPublicSSH()
  if (key.algo !== known.type || key.data.length !== wanted.length || !timingSafeEqual(key.data, wanted)) return false
  return signature === undefined || (blob !== undefined && known.verify(blob, signature, hashAlgo) === true)
}

/** Whoever asks by a line that is not one command's words meets no shell here. */
function answer(run: (words: readonly string[]) => Ran, line: string): Ran {
  const words = commandWords(line)
  return words === null ? { out: '', err: 'sh: 1: Syntax error: this host reads one command\'s words, and nothing of a shell\n', code: 2 } : run(words)
}
