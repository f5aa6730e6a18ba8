/** `sent`: bytes of the request left, so that a write may have happened. The message is ours and quotes nothing. */
export class TransportError extends Error {
  readonly kind: 'unreachable' | 'untrusted' | 'late' | 'lost' | 'timeout' | 'broken' | 'busy' | 'cut'
  readonly sent: boolean
  constructor(kind: TransportError['kind'], message: string, sent: boolean) {
    super(message)
    this.name = 'TransportError'
    this.kind = kind
    this.sent = sent
  }
}
/** Node's codes, sorted. Its messages name hosts and ports, so they stay behind. */
export function failureOf(error: NodeJS.ErrnoException, sent: boolean): TransportError {
  const code = error.code ?? ''
  if (code.startsWith('HPE_')) return new TransportError('broken', `the cluster's answer is not http (${code})`, sent)
  if (/^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_CERT_|ERR_SSL_|ERR_TLS_|EPROTO)/.test(code)) return new TransportError('untrusted', `the cluster is not who its authority says (${code})`, sent)
  return new TransportError(sent ? 'lost' : 'unreachable', `${sent ? 'the connection to the cluster broke off' : 'the cluster cannot be reached'} (${code || 'no code'})`, sent)
}
