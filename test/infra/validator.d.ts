/** It ships no types. */
declare module 'asl-validator' {
  const validate: (definition: object) => { readonly isValid: boolean; readonly errors: readonly unknown[] }
  export = validate
}
