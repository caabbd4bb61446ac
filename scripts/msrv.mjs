// Fails if a locked package, dev-dependencies included, needs a newer Rust than the
// workspace promises. (What our own code uses is clippy's business: incompatible_msrv.)
import { execFileSync } from 'node:child_process'

const run = ['metadata', '--format-version', '1', '--all-features', '--locked']
const { packages, workspace_members: members } = JSON.parse(
  execFileSync('cargo', run, { maxBuffer: 1 << 30 })
)
const number = version => version.split('.').concat(0, 0).slice(0, 3)
  .reduce((sum, part) => sum * 1000 + Number(part), 0)

const ours = packages.filter(p => members.includes(p.id)).map(p => p.rust_version)
if (ours.includes(null)) throw new Error('a crate of the workspace has no rust-version')
const promised = ours.reduce((a, b) => (number(a) < number(b) ? a : b))
const newer = packages.filter(p => p.rust_version && number(p.rust_version) > number(promised))
for (const p of newer) console.error(`${p.name} ${p.version} needs Rust ${p.rust_version}, above ${promised}`)
console.log(`${packages.length} packages build with Rust ${promised}, as far as they say`)
process.exitCode = newer.length > 0 ? 1 : 0
