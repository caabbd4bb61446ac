// JSON-RPC 2.0 by jayson, over HTTP.
import { createRequire } from 'node:module'
const jayson = createRequire(import.meta.url)('jayson')

const server = new jayson.Server({
    echo: (params, done) => done(null, params),
    fail: (params, done) => done({ code: -32000, message: `no ${params[0]}` }),
})
const http = server.http().listen(0, '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${http.address().port}`)
})
