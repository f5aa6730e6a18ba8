import type { ConnectionDocument } from '../../schema/policy.ts'

/** The key of masks that tell equal values apart. */
export const maskKeySecret = 'sluice-mask-key'

/** The name of the credential that can do the least of what a plan needs: a read runs as who cannot write, and what needs no classified column as who cannot read one. null: the connection has none that may do it. */
export function secretName({ secret, secrets }: ConnectionDocument, { readOnly, plain }: { readonly readOnly: boolean; readonly plain: boolean }): string | null {
  if (!readOnly) return secrets?.write ?? secret ?? null
  return (plain ? secrets?.plain : undefined) ?? secrets?.read ?? secret ?? null
}
