import type { Gate } from './gate.ts'
import type { Ports } from './ports.ts'

/** A sign-in or sign-out at the console. `token`: the person's access token, which says who they are to the gate; null where nobody is signed in. */
export type Logon =
  | { readonly result: 'signed-in'; readonly token: string; readonly issuer: string; readonly signedInAt: string }
  | { readonly result: 'signed-out'; readonly token: string }
  | { readonly result: 'refused'; readonly token: null; readonly issuer: string; readonly reason: string }

/** Refusals that each process records one by one, a minute. Anybody can be refused, so those beyond are counted in the next. */
const mostRefusals = 30
const minuteMs = 60_000

/** Puts sign-ins on record, with who it is to the gate, where its token holds there. Gives whether it is stored: a sign-in that is not gets no session. Never throws. */
export function createLogon(ports: Pick<Ports, 'now' | 'id' | 'alarm'>, gate: Pick<Gate, 'admit' | 'recorder'>): (logon: Logon) => Promise<boolean> {
  let [minute, refused, uncounted] = [0, 0, 0]

  /** false: one more than are recorded. */
  function counts(): boolean {
    const now = Math.floor(ports.now() / minuteMs)
    if (now !== minute) [minute, refused] = [now, 0]
    if (++refused <= mostRefusals) return true
    uncounted++
    return false
  }

  async function store({ token, ...about }: Logon): Promise<boolean> {
    const change = { ...about, ...(about.result === 'refused' && uncounted > 0 ? { unrecorded: uncounted } : {}) }
    const admitted = token === null ? null : await gate.admit({ authorization: `Bearer ${token}`, session: null })
    if (!admitted?.ok) {
      await gate.recorder.notice('sign-in', change)
      if (about.result === 'refused') uncounted = 0
      return true
    }
    return (await gate.recorder.begin(ports.id('eval'), admitted.value, 'sluice').notice('sign-in', change)).ok
  }

  return async (logon) => {
    if (logon.result === 'refused' && !counts()) return false
    return store(logon).catch((error: unknown) => {
      ports.alarm('a sign-in is not recorded', { result: logon.result, error: error instanceof Error ? error.message : 'unknown' })
      return false
    })
  }
}
