#!/usr/bin/env node
// The `sluice` command. Plain JavaScript for whatever node runs it: this one if it can read TypeScript, else the node that npm installed beside us.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const main = join(root, 'functions', 'cli', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(pathToFileURL(main).href)
} else {
  const names = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]
  // Ours, or hoisted above us where we are somebody's dependency.
  const node = names.flatMap((name) => [join(root, 'node_modules', name, 'bin', 'node'), join(root, '..', name, 'bin', 'node')]).find((path) => existsSync(path))
  if (!node) {
    console.error(`sluice needs node 24 or newer and this is ${process.versions.node}; \`npm ci\` in ${root} installs one, or install it yourself`)
    process.exit(1)
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // A terminal sends its signals to both of us; others, sent to us alone, must reach the command.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => { console.error(`cannot run ${node}: ${error.message}`); process.exit(1) })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
