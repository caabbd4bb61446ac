// Fails if a crate of the workspace is built with a locked package, dev-dependencies included, that
// needs a newer Rust than this crate promises. Each crate is checked with its own tree, as crates
// may promise different versions. (What our own code uses is clippy's business: incompatible_msrv.)
import { execFileSync } from 'node:child_process'

const run = ['metadata', '--format-version', '1', '--all-features', '--locked']
const { packages, workspace_members: members, resolve } = JSON.parse(
  execFileSync('cargo', run, { maxBuffer: 1 << 30 })
)
const number = version => version.split('.').concat(0, 0).slice(0, 3)
  .reduce((sum, part) => sum * 1000 + Number(part), 0)
const named = new Map(packages.map(p => [p.id, p]))
const needs = new Map(resolve.nodes.map(node => [node.id, node.deps]))

// What is built with a crate: its tests' dependencies are those of the crate alone.
const tree = root => {
  const seen = new Set([root])
  for (const id of seen) {
    for (const { pkg, dep_kinds: kinds } of needs.get(id)) {
      if (id === root || kinds.some(({ kind }) => kind !== 'dev')) seen.add(pkg)
    }
  }
  return [...seen].map(id => named.get(id))
}

let failed = false
const promises = new Map()
for (const crate of members.map(id => named.get(id))) {
  const promised = crate.rust_version
  if (!promised) throw new Error(`${crate.name} has no rust-version`)
  const all = tree(crate.id)
  for (const p of all) {
    if (p.rust_version && number(p.rust_version) > number(promised)) {
      console.error(`${crate.name} promises Rust ${promised}: ${p.name} ${p.version} needs ${p.rust_version}`)
      failed = true
    }
  }
  promises.set(promised, [...(promises.get(promised) ?? []), ...all])
}
for (const [promised, all] of promises) {
  console.log(`${new Set(all).size} packages build with Rust ${promised}, as far as they say`)
}
process.exitCode = failed ? 1 : 0
