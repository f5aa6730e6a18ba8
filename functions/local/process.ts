import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * What tells one process from a later one that got the same pid: when it was born, in the kernel's own spelling.
 * null: no such process, or it is a zombie nobody has reaped yet.
 */
export function birthOf(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (process.platform === 'linux') {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      return fields[0] === 'Z' ? null : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${fields[19]}`
    } catch {
      return null
    }
  }
  const line = ps(pid, 'stat=,lstart=')
  return line === null || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
}

/** The arguments of a process, or null when there is none. */
export function argumentsOf(pid: number): string | null {
  if (process.platform !== 'linux') return ps(pid, 'args=')
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() || null
  } catch {
    return null
  }
}

function ps(pid: number, columns: string): string | null {
  try {
    return execFileSync('ps', ['-ww', '-o', columns, '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || null
  } catch {
    return null
  }
}
