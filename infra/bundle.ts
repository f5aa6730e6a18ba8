import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/**
 * Bundles each deployed function as Lambda runs it: one ES module, nothing installed beside it, the SQL grammar's wasm inlined as bytes.
 * `npm run build` prints each size in KB, minified and gzipped.
 */
const root = join(import.meta.dirname, '..')
export const entries = { http: 'functions/http.ts' } as const

export async function bundle(name: keyof typeof entries, outdir = join(root, 'dist')): Promise<{ readonly file: string; readonly bytes: number; readonly gzipBytes: number }> {
  const file = join(outdir, name, 'index.mjs')
  await build({
    entryPoints: [join(root, entries[name])], outfile: file, bundle: true, minify: true, platform: 'node', target: 'node24', format: 'esm',
    mainFields: ['module', 'main'], conditions: ['bundle', 'module'], loader: { '.wasm': 'binary' }, legalComments: 'none', logLevel: 'warning',
    // CommonJS dependencies inside an ES module bundle still call require() for Node's own modules.
    banner: { js: "import{createRequire as sluiceRequire}from'node:module';const require=sluiceRequire(import.meta.url);" },
  })
  const text = readFileSync(file)
  return { file, bytes: text.length, gzipBytes: gzipSync(text, { level: 9 }).length }
}

if (process.argv[1] === import.meta.filename) {
  for (const name of Object.keys(entries) as (keyof typeof entries)[]) {
    const { bytes, gzipBytes } = await bundle(name)
    console.log(`${name.padEnd(12)} ${(bytes / 1024).toFixed(0).padStart(6)} KB min ${(gzipBytes / 1024).toFixed(0).padStart(6)} KB gz`)
  }
}
