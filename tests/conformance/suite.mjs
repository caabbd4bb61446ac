// The suite's own modules, and functions over its tests.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

export async function loadSuite (dir) {
  const load = file => import(pathToFileURL(path.resolve(dir, file)))
  const groups = (await load('tests/index.mjs')).default
  const tests = groups
    .flatMap(group => group.tests.map(test => ({ group: group.id, ...test })))
    .filter(test => test.browser_only !== true)
  return { load, tests, byId: new Map(tests.map(test => [test.id, test])) }
}

export const kindOf = test => test.kind ?? 'required'

// Returns the tests named by `ids` and all that they depend on; all tests if `ids` is undefined.
export function withDependencies (suite, ids) {
  if (ids === undefined) return suite.tests
  const wanted = new Set()
  const add = id => {
    const test = suite.byId.get(id)
    if (test === undefined) throw new Error(`the suite has no test named ${id}`)
    if (wanted.has(id)) return
    wanted.add(id)
    for (const other of test.depends_on ?? []) add(other)
  }
  ids.forEach(add)
  return suite.tests.filter(test => wanted.has(test.id))
}

// Returns the result of each test by the suite's rule: it counts only if all its dependencies pass.
// `results` maps an id to true or to [kind of error, explanation].
export function verdicts (suite, results) {
  const known = new Map()
  const judge = id => {
    if (!known.has(id)) known.set(id, verdict(id))
    return known.get(id)
  }
  const verdict = id => {
    const test = suite.byId.get(id)
    const result = results[id]
    if (test === undefined || result === undefined) return { pass: false, why: 'was not run' }
    for (const other of test.depends_on ?? []) {
      if (!judge(other).pass) return { pass: false, why: `depends on ${other}, which fails` }
    }
    if (result === true) return { pass: true }
    const [error, explanation] = result
    return { pass: false, why: error === 'Assertion' ? explanation : `${error}: ${explanation}` }
  }
  return new Map(suite.tests.filter(t => t.id in results).map(t => [t.id, judge(t.id)]))
}
