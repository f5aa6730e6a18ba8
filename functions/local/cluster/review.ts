import { readObject } from './body.ts'
import { reply, timeOf, type Call, type Reply, type World } from './call.ts'
import type { Kind } from './kinds.ts'
import { at, fields, isFields, text } from './object.ts'
import { mayDo, mayRead, rulesFor } from './rbac.ts'

/** Questions about whoever asks: `auth can-i`, `auth can-i --list`, `auth whoami`. */
export function review(world: World, call: Call, kind: Kind): Reply {
  const asked = call.body.length === 0 ? {} : readObject(world, call)
  return reply(201, { ...asked, kind: kind.kind, apiVersion: `${kind.group}/${kind.version}`, metadata: { creationTimestamp: timeOf(world) }, status: answer(world, call, kind, asked) })
}
function answer({ store }: World, { user }: Call, kind: Kind, asked: object) {
  switch (kind.kind) {
    case 'SelfSubjectAccessReview': {
      const resource = at(asked, 'spec', 'resourceAttributes')
      const path = fields(at(asked, 'spec', 'nonResourceAttributes'))
      const word = (name: string) => text(fields(resource)[name])
      const allowed = isFields(resource) ? mayDo(store, user, { verb: word('verb'), group: word('group'), resource: word('resource'), subresource: word('subresource'), namespace: word('namespace'), name: word('name') }) : mayRead(store, user, text(path['path']), text(path['verb']))
      return { allowed, ...(allowed ? { reason: 'RBAC' } : {}) }
    }
    case 'SelfSubjectRulesReview': {
      const rules = user.groups.includes('system:masters') ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }] : rulesFor(store, user, text(at(asked, 'spec', 'namespace')))
      return {
        resourceRules: rules.filter((rule) => 'resources' in rule), incomplete: false,
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi', '/openapi/*', '/readyz', '/version', '/version/'] }, ...rules.filter((rule) => 'nonResourceURLs' in rule)],
      }
    }
    default: return { userInfo: { username: user.name, groups: user.groups, ...(user.uid ? { uid: user.uid } : {}) } }
  }
}
