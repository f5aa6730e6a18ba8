import type { IssuerDocument } from './policy.ts'

/**
 * true when two issuer documents could name one subject, so that whoever controls the one could act as a subject of the other. A template is a text
 * before the claim and a text after it; some value makes both the same exactly when one beginning begins the other and one end ends the other.
 * `agent:{sub}` therefore collides with `agent:okta/{sub}`; `agent:entra/{sub}` and `agent:okta/{sub}` do not.
 */
export function subjectsCollide(a: IssuerDocument, b: IssuerDocument): boolean {
  return templates(a).some((one) => templates(b).some((other) => {
    const starts = one.before.startsWith(other.before) || other.before.startsWith(one.before)
    const ends = one.after.endsWith(other.after) || other.after.endsWith(one.after)
    return starts && ends
  }))
}

function templates(document: IssuerDocument): readonly { readonly before: string; readonly after: string }[] {
  return [document.people?.subject, document.agents.subject].filter((text) => text !== undefined).map((text) => ({
    before: text.slice(0, text.indexOf('{')), after: text.slice(text.indexOf('}') + 1),
  }))
}
