import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/**
 * Reads the bytes of PostgreSQL's own grammar in wasm, when run from source. Imported as `#grammar` (package.json, `imports`): a bundler that sets the
 * condition `bundle` gets the .wasm file itself there, and gives such a function for it (infra/bundle.ts), so nothing here asks where it runs.
 * A function, because what throws while a module is evaluated is thrown for the rest of the process: too many files open, once, and no statement would ever be understood again.
 */
export default (): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')))
