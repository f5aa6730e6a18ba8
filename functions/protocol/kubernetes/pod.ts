import type { Attributes, Pod } from './plan.ts'
import { isObject } from './precondition.ts'

/** What is done to a pod that is there, by its name: whichever has that name then. What it makes of the pod no dry run tells. */
export const reachesPod = ({ verb, isResource, group, resource, subresource }: Attributes): boolean => isResource && verb === 'create' && group === '' && resource === 'pods' && (subresource === 'eviction' || subresource === 'exec')

/** The path of the pod, of a target below it. */
export const podTarget = (target: string): string => (target.split('?', 1)[0] ?? target).replace(/\/[^/]+$/, '')

/** All that a command may be run in: sidecars are init containers that go on, and a debugger is added to a pod that runs. */
const lists = ['containers', 'initContainers', 'ephemeralContainers'] as const
/** Which pod it is, and what runs in it: its labels and its status may change, and it is still what was agreed to. undefined: the cluster's answer is no pod. */
export function podIn(object: Readonly<Record<string, unknown>>): Pod | undefined {
  const { metadata, spec } = object
  const containers = isObject(spec) ? lists.flatMap((list) => { const some = spec[list]; return Array.isArray(some) ? some.filter(isObject) : [] }) : []
  const uid = isObject(metadata) ? metadata['uid'] : undefined
  return typeof uid === 'string' && uid !== '' ? { uid, containers: containers.map(({ name, image }) => ({ name: String(name ?? ''), image: String(image ?? '') })) } : undefined
}
