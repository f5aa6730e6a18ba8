/** One thing that is wrong, and where: the entry (its index in the log, its event id), the file, or both. */
export interface Finding { readonly index?: number; readonly id?: string | undefined; readonly path?: string; readonly reason: string }

/** As many as a person reads; those beyond are counted. */
const maxListed = 100

export function createFindings() {
  const listed: Finding[] = []
  let count = 0
  return {
    add(finding: Finding): void {
      count++
      if (listed.length < maxListed) listed.push(finding)
    },
    count: () => count,
    listed: (): readonly Finding[] => listed,
  }
}
