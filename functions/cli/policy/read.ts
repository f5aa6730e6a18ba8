import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Bundle } from '../../../schema/policy.ts'
import { checkDocuments } from '../../decide/check/documents.ts'
import { readYaml, type Problem, type Source } from './yaml.ts'

/** A policy directory as read: `bundle` is null when any problem is an error. `tests`: the `*.test.yaml` files, not read yet. */
export interface Directory { readonly bundle: Bundle | null; readonly problems: readonly Problem[]; readonly tests: readonly string[]; readonly files: number }

const maxFiles = 1000

/**
 * `policy check`: every `*.yaml` and `*.yml` below the directory but `*.test.yaml`, as one bundle. Paths in it are relative and with `/`, so that
 * the same files give the same version everywhere. Throws what the file system throws when the directory itself cannot be read.
 */
export async function readPolicy(directory: string): Promise<Directory> {
  const paths = await policyFiles(directory)
  const tests = paths.filter(isTest)
  const files = paths.filter((path) => !isTest(path))
  if (files.length === 0) return { bundle: null, problems: [{ level: 'error', file: directory, line: 1, column: 1, message: 'there is no `.yaml` file here' }], tests, files: 0 }
  if (files.length > maxFiles) return { bundle: null, problems: [{ level: 'error', file: directory, line: 1, column: 1, message: `there are ${files.length} files, and ${maxFiles} are the most` }], tests, files: files.length }
  const sources: Source[] = []
  for (const path of files) sources.push(readYaml(join(directory, path), await readFile(join(directory, path), 'utf8')))
  return { ...checkSources(sources, files), tests, files: files.length }
}

const isTest = (path: string): boolean => /\.test\.ya?ml$/.test(path)

/** Sorted by path. Links are not followed: a policy is what is in its directory. */
export async function policyFiles(directory: string): Promise<readonly string[]> {
  if (!(await stat(directory)).isDirectory()) throw Object.assign(new Error(`\`${directory}\` is not a directory`), { code: 'ENOTDIR' })
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.split('/').some((part) => part.startsWith('.') || part === 'node_modules')).sort()
}

/** `paths[i]`: what `sources[i]` is called inside the bundle. */
export function checkSources(sources: readonly Source[], paths: readonly string[]): { readonly bundle: Bundle | null; readonly problems: readonly Problem[] } {
  const broken = sources.flatMap((source) => source.problems)
  const byPath = new Map(paths.map((path, i) => [path, sources[i]]))
  const readable = paths.flatMap((path) => { const source = byPath.get(path); return source && source.problems.length === 0 ? [{ path, document: source.value }] : [] })
  const checked = checkDocuments(readable)
  // what refers to an unreadable file would be called unknown: its own problem is enough
  const told = broken.length === 0 ? checked.findings : checked.findings.filter((finding) => !/^there is no connection/.test(finding.message))
  const problems = [...broken, ...told.map((finding): Problem => {
    const source = byPath.get(finding.path)
    const place = source?.locate(finding.at, finding.key, finding.offset) ?? { line: 1, column: 1 }
    return { level: finding.level, file: source?.file ?? finding.path, ...place, message: finding.message }
  })]
  problems.sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1))
  return { bundle: broken.length > 0 ? null : checked.bundle, problems }
}
