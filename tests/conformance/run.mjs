// Runs the suite against a cache and prints the results as JSON.
//
// usage: node run.mjs SUITE_DIR BASE_URL [ID,ID,...] [--dump]
//
// Tests modify the objects that describe them, so a second run needs a second process.
import { loadSuite, withDependencies } from './suite.mjs'

const [dir, base, ids, dump] = process.argv.slice(2)
const suite = await loadSuite(dir)
const only = ids ? ids.split(',') : undefined
const { runTests, getResults } = await suite.load('client/runner.mjs')
const { default: fetch } = await suite.load('../node-fetch/lib/index.mjs').catch(() => ({ default: globalThis.fetch }))

// With --dump, client and origin print the traffic of the named tests, not of their dependencies.
const tests = withDependencies(suite, only)
for (const test of tests) test.dump = dump === '--dump' && only.includes(test.id)

// The traffic is printed with console.log: keep stdout for the results.
console.log = console.error
await runTests([{ tests }], fetch, false, base.replace(/\/$/, ''))
process.stdout.write(JSON.stringify(getResults(), null, 1) + '\n')
