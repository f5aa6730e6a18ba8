import { gzipSync } from 'node:zlib'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build, type ImportKind, type Metafile, type Plugin } from 'esbuild'
import { sparedFor } from './spared.ts'

/**
 * Bundles each deployed function as Lambda runs it: ES modules in one folder, nothing installed beside them, the SQL grammar's wasm as a file among them.
 * `npm run build` prints each size in KB, minified and gzipped, of what a cold start reads, and then of what is read at its first use.
 */
const root = join(import.meta.dirname, '..')
export const entries = { http: 'functions/http.ts', hold: 'functions/hold.ts', lasting: 'functions/lasting.ts', websocket: 'functions/websocket.ts', approval: 'functions/approval.ts', people: 'functions/people.ts', sequencer: 'functions/sequencer.ts', sweeper: 'functions/sweeper.ts', private: 'functions/private.ts' } as const
interface Size { readonly bytes: number; readonly gzipBytes: number }

export async function bundle(name: keyof typeof entries, outdir = join(root, 'dist')): Promise<Size & { readonly file: string; readonly later: Size }> {
  const folder = join(outdir, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { metafile } = await build({
    entryPoints: { index: join(root, entries[name]) }, outdir: folder, outExtension: { '.js': '.mjs' }, absWorkingDir: root, metafile: true, bundle: true,
    // What is imported at its first use stays a file of its own. In one file esbuild would wrap every module it shares, and those that import each other in a circle then break.
    splitting: true, chunkNames: '[name]-[hash]', minify: true, platform: 'node', target: 'node24', format: 'esm',
    // Native code that a library would take if it were there, and does without: what is deployed is one and the same on every machine. And what the SDK tells browsers apart by, where it runs in one.
    external: ['cpu-features', '*.node', 'bowser'],
    mainFields: ['module', 'main'], conditions: ['bundle', 'module'], plugins: [atOnce(join(root, entries[name])), givenCredentials, sparedFor(name), bytesBeside(folder), ...(answering.has(name) ? [] : [plainHttp])], legalComments: 'none', logLevel: 'warning',
    logOverride: { 'import-is-undefined': 'silent' },                  // of atOnce: what has no default has none
    // CommonJS dependencies inside an ES module bundle still call require() for Node's own modules, and ask where they lie.
    banner: { js: "import{createRequire as sluiceRequire}from'node:module';const require=sluiceRequire(import.meta.url),__dirname=import.meta.dirname;" },
  })
  const [first, all] = [reached(metafile, ['import-statement']), reached(metafile, ['import-statement', 'dynamic-import', 'require-call'])]
  // Of a module that is imported at its first use there is a file also where whatever would import it was dropped, because nobody calls it.
  for (const path of Object.keys(metafile.outputs)) if (!all.has(path)) rmSync(join(root, path), { force: true })
  const bytes = new Set([...all].flatMap((path) => bytesOf(metafile, path)))
  for (const file of readdirSync(folder)) if (file.endsWith('.wasm') && !bytes.has(file)) rmSync(join(folder, file))
  const size = (start: boolean): Size => {
    const texts = Object.entries(metafile.outputs).filter(([path]) => all.has(path) && first.has(path) === start).flatMap(([path]) => [join(root, path), ...bytesOf(metafile, path).map((file) => join(folder, file))])
      .map((path) => readFileSync(path))
    return { bytes: texts.reduce((sum, text) => sum + text.length, 0), gzipBytes: texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0) }
  }
  return { file: join(folder, 'index.mjs'), ...size(true), later: size(false) }
}

/** A `.wasm` is copied into the function's folder and read from there, by whoever calls what is imported: a read that fails while modules are evaluated would fail for the rest of the process. Inlined it would be a megabyte of text more, for the parser of JavaScript to read at each cold start: 80 ms of CPU. */
const bytesBeside = (folder: string): Plugin => ({
  name: 'bytes-beside',
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path }) => {
      copyFileSync(path, join(folder, basename(path)))
      return { contents: `import { readFileSync } from 'node:fs'\nexport default () => readFileSync(new URL('./${basename(path)}', import.meta.url))`, loader: 'js' }
    })
  },
})

/**
 * What a start reads becomes one file instead of one for each set of later files that share a part of it: 14 for HTTP, and Node takes a third of a millisecond of CPU to find and open each. Who imports the entry is one
 * of those who share all of it, so each module that is imported at its first use does: by then the entry has run, and nothing happens a second time.
 */
const atOnce = (entry: string): Plugin => ({
  name: 'at-once',
  setup({ onLoad, onResolve, resolve }) {
    onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === 'found') return undefined
      const found = await resolve(path, { kind, importer, resolveDir, pluginData: 'found' })
      return found.errors.length > 0 || found.external || found.namespace !== 'file' ? found : { path: found.path, namespace: 'at-once' }
    })
    onLoad({ filter: /./, namespace: 'at-once' }, ({ path }) => {
      const later = JSON.stringify(path)
      return { resolveDir: root, contents: `import ${JSON.stringify(entry)}; import * as all from ${later}; export * from ${later}; export default all.default` }
    })
  },
})

/**
 * Each client of the SDK is given the credentials that Lambda puts into the environment (aws/dynamo.ts). Where else the SDK would look (profiles, sign-ins, programs, the machine's own metadata), with three further clients for it, is
 * 70 KB gzipped that no deployed function may ever come to: there the search is an error.
 */
const givenCredentials: Plugin = {
  name: 'given-credentials',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, ({ path }) => ({ path, namespace: 'given-credentials' }))
    onLoad({ filter: /./, namespace: 'given-credentials' }, () => ({ contents: `export const defaultProvider = () => async () => { throw new Error('no credentials were given') }` }))
  },
}

const answering: ReadonlySet<string> = new Set(['http', 'hold', 'lasting', 'people'])
/**
 * `import … from 'node:http'` makes Node read each member it has, and one of them is `WebSocket`, for which it loads all of undici: 30 ms of CPU. Taken as CommonJS takes it, only what is named is read. Those that answer
 * with a `Response`, which is undici's too, would gain nothing.
 */
const plainHttp: Plugin = {
  name: 'plain-http',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^(node:)?http$/ }, ({ kind }) => (kind === 'import-statement' ? { path: 'http', namespace: 'plain' } : { path: 'node:http', external: true }))
    onLoad({ filter: /^http$/, namespace: 'plain' }, () => ({ contents: `module.exports = process.getBuiltinModule('node:http')`, loader: 'js' }))
  },
}

/** What lies beside an output for it to read. */
const bytesOf = ({ outputs }: Metafile, path: string): readonly string[] => Object.keys(outputs[path]?.inputs ?? {}).filter((input) => input.endsWith('.wasm')).map((input) => basename(input))

/** The entry and every file that is reached from it by these kinds of import. */
function reached({ outputs }: Metafile, kinds: readonly ImportKind[]): ReadonlySet<string> {
  const found = new Set(Object.keys(outputs).filter((path) => path.endsWith('/index.mjs')))
  for (const path of found) for (const { path: next, kind } of outputs[path]?.imports ?? []) if (kinds.some((one) => one === kind) && next in outputs) found.add(next)
  return found
}

if (process.argv[1] === import.meta.filename) {
  const kilobytes = ({ bytes, gzipBytes }: Size) => `${(bytes / 1024).toFixed(0).padStart(6)} KB min ${(gzipBytes / 1024).toFixed(0).padStart(6)} KB gz`
  for (const name of Object.keys(entries) as (keyof typeof entries)[]) {
    const { later, ...start } = await bundle(name)
    console.log(`${name.padEnd(12)} ${kilobytes(start)}, at first use ${kilobytes(later)}`)
  }
}
