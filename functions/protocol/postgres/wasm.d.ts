/** The part of libpg-query's emscripten module that parse.ts uses, and of the WebAssembly global that @types/node leaves out. */
declare module 'libpg-query/wasm/libpg-query.js' {
  export interface Grammar {
    _malloc(size: number): number
    _free(pointer: number): void
    _wasm_parse_query_raw(pointer: number): number
    _wasm_free_parse_result(pointer: number): void
    lengthBytesUTF8(text: string): number
    stringToUTF8(text: string, pointer: number, size: number): void
    UTF8ToString(pointer: number): string
    getValue(pointer: number, type: 'i32'): number
  }
  interface Options {
    instantiateWasm(imports: object, done: (instance: object, module: object) => void): object
    print(text: string): void
    printErr(text: string): void
  }
  export default function load(options: Options): Promise<Grammar>
}
declare namespace WebAssembly {
  class Module { constructor(bytes: Uint8Array<ArrayBuffer>) }
  class Instance { constructor(module: Module, imports: object); readonly exports: object }
}
