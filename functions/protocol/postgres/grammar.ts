import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/**
 * The bytes of PostgreSQL's own grammar in wasm, when run from source. Imported as `#grammar` (package.json, `imports`): a bundler that sets the
 * condition `bundle` gets the .wasm file itself there and inlines it, so nothing here asks where it runs.
 */
const bytes: Uint8Array<ArrayBuffer> = new Uint8Array(readFileSync(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')))
export default bytes
