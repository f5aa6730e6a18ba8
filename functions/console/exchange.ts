import { Fault } from '../ports.ts'

const patienceMs = 5000
const maxBytes = 64 * 1024
/** Posts a form to a token endpoint; gives its JSON answer, whatever the status. Throws Fault issuer-unavailable. */
export type PostForm = (url: string, form: Readonly<Record<string, string>>, authorization: string | null) => Promise<unknown>

/** No redirect is followed: the code and its verifier go to the address the issuer's own metadata names, and nowhere else. */
export const postForm: PostForm = async (url, form, authorization) => {
  try {
    const response = await fetch(url, {
      method: 'POST', body: new URLSearchParams({ ...form }), redirect: 'error', signal: AbortSignal.timeout(patienceMs),
      headers: { accept: 'application/json', ...(authorization === null ? {} : { authorization }) },
    })
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of response.body ?? []) {
      if ((bytes += part.byteLength) > maxBytes) throw new Error('over 64 KB')
      parts.push(part)
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown
  } catch (cause) {
    throw new Fault('issuer-unavailable', 'the token endpoint gave no json document', { cause })
  }
}
