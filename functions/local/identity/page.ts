import { cast } from './cast.ts'

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
  // Not `no-referrer`: browsers then send `Origin: null` with this page's own form (Fetch, 3.1), which nobody here may send.
  'referrer-policy': 'same-origin',
  // No script at all. The form's answer is redirected to the client's loopback listener, whatever its port.
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' http://127.0.0.1:* http://localhost:*",
}

/** The sign-in page: one button a person of the cast, or a person of one's own. `client`: who asks, shown as text. */
export function signInPage(action: string, client: string, problem: string | null): string {
  const people = cast.map((person) => `<li><button name="person" value="${escape(person.subject)}"><strong>${escape(person.subject.slice(5))}</strong>
<span>${escape(person.groups.join(', '))}: ${escape(person.about)}</span></button></li>`).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign in to Sluice on this machine</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
ul{list-style:none;padding:0}li{margin:.5rem 0}button{font:inherit;color:inherit;text-align:left;width:100%;padding:.75rem 1rem;border:1px solid #767676;border-radius:.5rem;background:#fff;cursor:pointer}
button:hover,button:focus-visible{border-color:#0b57d0;outline:2px solid #0b57d0}span{display:block;color:#4a4a4a}label{display:block;margin:.75rem 0}
input{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;border:1px solid #767676;border-radius:.25rem}.note{background:#fff4ce;padding:.75rem 1rem;border-radius:.5rem}.problem{color:#b3261e}
</style></head><body>
<h1>Who are you today?</h1>
<p class="note"><strong>This page protects nothing.</strong> It is the identity provider of a local Sluice: anyone on this machine may be anyone. There is no password to type, so type none.</p>
${problem === null ? '' : `<p class="problem" role="alert">${escape(problem)}</p>`}
<p>The client <code>${escape(client)}</code> asks.</p>
<form method="post" action="${escape(action)}"><ul>${people}</ul></form>
<h2>Somebody else</h2>
<form method="post" action="${escape(action)}">
<label>Name, as in <code>lena@acme.dev</code><input name="name" required autocomplete="off" maxlength="250"></label>
<label>Groups, with commas between<input name="groups" autocomplete="off" maxlength="2000"></label>
<button>Sign in</button></form>
</body></html>`
}

/** Who the posted form says; null when it says nobody. */
export function readPerson(form: URLSearchParams): { readonly subject: string; readonly groups: readonly string[] } | null {
  const known = cast.find((person) => person.subject === form.get('person'))
  if (known) return known
  const name = form.get('name')?.trim() ?? ''
  if (!/^[^\s\p{C}\p{Z}]{1,250}$/u.test(name)) return null
  const groups = (form.get('groups') ?? '').split(',').map((group) => group.trim()).filter((group) => group !== '')
  return groups.length > 50 ? null : { subject: name.startsWith('user:') ? name : `user:${name}`, groups }
}

const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
