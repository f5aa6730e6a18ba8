import { setTimeout as pause } from 'node:timers/promises'
import type { Reply } from './client.ts'
import { list, object, text } from './output.ts'
import type { Terminal } from './terminal.ts'
import { visible } from './visible.ts'

/** The most that one call is held, seconds; a gate holds none for longer than 55. */
const heldSeconds = 50
/** A gate in which many wait lets go sooner: then it is left alone for a moment. */
const shortMs = 1000
const apartMs = 2000

/**
 * Sends a call and, where people are asked, says so at once: whoever is to tell them must not be held before they can. Then the same call again, held, until it is settled or `untilMs` (epoch ms) is over: it finds the request it made, so
 * nothing is asked twice and a lost connection costs nothing. `send`: `seconds` to be held, 0: not at all.
 */
export async function patiently(terminal: Terminal, untilMs: number, send: (seconds: number) => Promise<Reply>): Promise<Reply> {
  const left = () => Math.max(0, Math.ceil((untilMs - Date.now()) / 1000))
  let reply = await send(0)
  if (reply.status === 202) tell(terminal, object(object(reply.body)['request']), left() > 0)
  while (reply.status === 202 && left() > 0) {
    const begun = Date.now()
    reply = await send(Math.min(heldSeconds, left()))
    if (reply.status === 202 && Date.now() - begun < shortMs) await pause(apartMs)
  }
  return reply
}

/** Where a person looks, and how this goes on. */
function tell(terminal: Terminal, request: Readonly<Record<string, unknown>>, holding: boolean): void {
  terminal.err(`waits for ${text(request['quorum'])} of ${visible(list(request['approvers']).join(', '))}, until ${visible(text(request['expiresAt']))}\n${visible(text(request['url']))}\n`)
  terminal.err(holding ? 'holding until it is decided\n' : `follow it with \`sluice requests ${visible(text(request['id']))}\`, or send the same call again; approval itself runs it\n`)
}
