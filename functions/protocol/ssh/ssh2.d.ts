/** Of the library, without types of its own. */
declare module 'ssh2/lib/protocol/utils.js' {
  export function sendPacket(protocol: unknown, packet: Buffer): boolean
}
