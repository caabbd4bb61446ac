// An Ethereum node in memory, by ganache.
import { createRequire } from 'node:module'
const ganache = createRequire(import.meta.url)('ganache')

const server = ganache.server({ logging: { quiet: true }, wallet: { totalAccounts: 3, deterministic: true } })
await server.listen(0, '127.0.0.1')
console.log(`listening on http://127.0.0.1:${server.address().port}`)
