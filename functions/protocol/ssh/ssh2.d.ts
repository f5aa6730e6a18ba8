/** Of the library, without types of its own. */
declare module 'ssh2/lib/protocol/utils.js' {
  const protocol: { readonly sendPacket: (session: unknown, packet: Buffer) => boolean }   // CommonJS, of which Node finds no names
  export default protocol
}
declare module 'ssh2/lib/protocol/constants.js' {
  const constants: { readonly COMPAT: { readonly IMPLY_RSA_SHA2_SIGALGS: number } }
  export default constants
}
