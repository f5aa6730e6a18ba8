import { mailAddress, type NotifyDocument, type RoleDocument } from '../../schema/policy.ts'

/** Where somebody is told. `key` is the same for the same place, whoever named it. */
export type Place = { readonly key: string; readonly kind: 'slack'; readonly channel: string } | { readonly key: string; readonly kind: 'mail'; readonly to: string }

/** Who a Slack user is, and the approver groups whose notify documents vouch for it. */
export interface ChatPerson { readonly subject: string; readonly groups: readonly string[] }

/** How the policy reaches the people who decide. */
export interface Places {
  /** Of approvers as `approval.by` names them, each place once. Empty: nobody is told, and the request waits to be found. */
  places(by: readonly string[]): readonly Place[]
  /** Of the rules of a demand (`a.rules[0], b.rules[2]`): `full` only where each of them says so; a rule that is not there says nothing. */
  notifies(rules: string): 'summary' | 'full'
  /** null: nobody the policy knows, or one whom two documents name differently. */
  chatPerson(slackUser: string): ChatPerson | null
}

export function createPlaces(documents: readonly NotifyDocument[], rules: ReadonlyMap<string, RoleDocument['rules'][number]>): Places {
  return {
    places(by) {
      const found = by.flatMap((approver) => placesOf(approver, documents))
      return [...new Map(found.map((place) => [place.key, place])).values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    },
    notifies: (names) => (names.split(', ').every((name) => rules.get(name)?.approval?.notify === 'full') ? 'full' : 'summary'),
    chatPerson(slackUser) {
      const naming = documents.filter(({ people }) => people !== undefined && Object.hasOwn(people, slackUser))
      const subjects = new Set(naming.map(({ people }) => people?.[slackUser]))
      const [subject] = subjects
      return subject === undefined || subjects.size !== 1 ? null : { subject, groups: [...new Set(naming.flatMap(({ group }) => group ?? []))].sort() }
    },
  }
}

function placesOf(approver: string, documents: readonly NotifyDocument[]): readonly Place[] {
  const naming = documents.filter(({ group, subject }) => (approver.startsWith('user:') ? subject === approver : group === approver))
  const named = naming.flatMap(({ slack, mail = [] }): Place[] => [...(slack === undefined ? [] : [{ key: `slack ${slack}`, kind: 'slack' as const, channel: slack }]), ...mail.map(mailPlace)])
  return named.length > 0 ? named : mailOf(approver).map(mailPlace)
}

const mailPlace = (to: string): Place => ({ key: `mail ${to}`, kind: 'mail', to })

/** A `user:` approver whose name is an address is told there, unless the policy says otherwise. */
const mailOf = (approver: string): readonly string[] => {
  const address = mailAddress.safeParse(approver.startsWith('user:') ? approver.slice('user:'.length) : '')
  return address.success ? [address.data] : []
}
