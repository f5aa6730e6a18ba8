import type { Effects, Obligations } from '../../../schema/effects.ts'

/** A request as the API server reads it (its RequestInfo), from a path that has one reading. */
export interface Attributes {
  /** Of a path of no resource `get` or, changed by no method but GET and HEAD, nothing else. */
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
  /** false: discovery, /version, /openapi, …: `path` says it all, and the rest is empty. */
  readonly isResource: boolean
  readonly path: string
  /** '' for core. */
  readonly group: string
  readonly version: string
  /** Plural, lower case: `pods`. */
  readonly resource: string
  readonly subresource: string | null
  readonly namespace: string | null
  readonly name: string | null
}

/** What classify hands to execute and mask: the request as it will be sent, to the byte, and how its answer comes. Opaque to the gate. */
export interface KubernetesPlan {
  readonly connection: string
  readonly attributes: Attributes
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Path and query, canonical, rebuilt from the parsed parts; sent as it is. */
  readonly target: string
  /** JSON forms only (JSON, Table as JSON, discovery's parameters): what masks can read. */
  readonly accept: string
  readonly contentType: string | null
  /** Sent as it is; null: none. */
  readonly body: string | null
  /** `whole`: read to its end before any of it leaves. `list`: a list, streamed item by item. `watch`: events. `log`: lines. `exec`: see exec.ts; `target` names the commands. */
  readonly form: 'whole' | 'list' | 'watch' | 'log' | 'exec'
  /** The caller asked for a dry run: nothing changes, and it is decided as the write it tries. */
  readonly dryRun: boolean
  /** Rules and people may want the object as it is and as it would be: update, patch, apply, create, delete of a resource. */
  readonly preview: boolean
  /** Paths inside the object that the policy says carry nothing (`classify: none`): detectors leave them alone. Left out: none. */
  readonly harmless?: readonly string[]
  /** See state.ts. Left out: on nothing but what is its author's. */
  readonly basis?: Basis
}

/** On what of an object a write was decided beyond what is its author's. `all`: on every byte of it. `managers`: on who manages which field. `status`: on these members of the status. */
export interface Basis { readonly all: boolean; readonly managers: boolean; readonly status: readonly string[] | 'all' }
/** A pod that something is done to by its name. */
export interface Pod { readonly uid: string; readonly containers: readonly { readonly name: string; readonly image: string }[] }

/** What the target said a write would make of the object; null: there is none (before a create, after a delete); left out: it would not say. `pod`: of an eviction or a command, whose pod it is. See preview.ts. */
export interface Dry {
  readonly object?: Readonly<Record<string, unknown>> | null
  readonly oldObject?: Readonly<Record<string, unknown>> | null
  readonly pod?: Pod | null
}

/** What a masker needs to know of one answer. `effects.shown[i]` gets `obligations.masks[i]`; what is neither known nor classified as harmless is withheld. */
export interface How {
  readonly plan: KubernetesPlan
  readonly effects: Effects
  readonly obligations: Pick<Obligations, 'masks' | 'detect'>
  readonly status: number
  /** Of the target's answer, without parameters, lower case. */
  readonly contentType: string
  /** For `hash`; null where no mask is one. */
  readonly maskKey: string | null
  /** Output of a command that was cut at its limit: of its last line nobody knows how it goes on. */
  readonly cut?: boolean
}
