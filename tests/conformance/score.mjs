// Counts the results by kind, explains the failures, compares with the list of known ones.
//
// usage: node score.mjs SUITE_DIR RESULTS.json[,LATER.json] NOT_PASSED.txt [--brief]
//
// Exit code 1 if the list is wrong. With --brief, the tests whose result differs from the list are
// printed alone in one line, for a second run.
import fs from 'node:fs'
import { kindOf, loadSuite, verdicts } from './suite.mjs'

const [dir, resultFiles, listFile, brief] = process.argv.slice(2)
const suite = await loadSuite(dir)
// The result in a later file replaces that in an earlier one.
const results = resultFiles.split(',').map(file => JSON.parse(fs.readFileSync(file, 'utf8')))
const all = verdicts(suite, Object.assign({}, ...results))
const whole = all.size === suite.tests.length

// Each line: the test's id, white space, the reason.
const expected = new Map(fs.readFileSync(listFile, 'utf8').split('\n')
  .filter(line => line.trim() !== '' && !line.startsWith('#'))
  .map(line => line.match(/^(\S+)\s*(.*)$/).slice(1)))

const counts = { required: [0, 0], optimal: [0, 0], check: [0, 0] }
const unexpected = []
const problems = []
for (const [id, { pass, why }] of all) {
  const kind = kindOf(suite.byId.get(id))
  counts[kind][1]++
  if (pass) counts[kind][0]++
  if (kind === 'check') {
    // Only a question: it neither passes nor fails.
    if (!whole) console.log(`check     ${id}: ${pass ? 'yes' : `no (${why})`}`)
    continue
  }
  if (!pass && brief !== '--brief') {
    const known = expected.has(id) ? `\n          known: ${expected.get(id)}` : ''
    console.log(`${kind.padEnd(9)} ${id}: ${why}${known}`)
  }
  if (pass === expected.has(id)) {
    unexpected.push(id)
    problems.push(pass ? `${id} passes: take it off the list` : `${id} fails: ${why}`)
  }
}
for (const [id, reason] of expected) {
  if (!suite.byId.has(id)) problems.push(`${id} is on the list but not in the suite`)
  if (reason === '') problems.push(`${id} is on the list without a reason`)
}

const line = kind => `${kind} ${counts[kind].join('/')}`
console.log(`conformance: ${line('required')}, ${line('optimal')} (${line('check')} answered yes)`)
for (const problem of problems) console.log(`not as listed: ${problem}`)
if (brief === '--brief') console.log(`unexpected: ${unexpected.join(',')}`)
process.exitCode = problems.length > 0 ? 1 : 0
