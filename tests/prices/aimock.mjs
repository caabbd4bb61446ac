// Providers that speak OpenAI's protocol: one that works, one that is overloaded, and one whose
// streams break off. Prints their addresses as one line of JSON, and serves until its standard
// input ends.
import { createRequire } from 'node:module'

const { LLMock } = createRequire(process.argv[2] + '/')('@copilotkit/aimock')

const content = 'The quick brown fox jumps over the lazy dog. '.repeat(8)

async function start(more) {
    const mock = new LLMock({ port: 0 })
    mock.onMessage(/.*/, { content }, { chunkSize: 8, ...more })
    await mock.start()
    return mock.url
}

const well = await start({})
const limited = await start({ chaos: { rateLimitRate: 1 } })
// With a pause between chunks, so that the first of them are sent before the break.
const cut = await start({ truncateAfterChunks: 4, latency: 20 })
console.log(JSON.stringify({ well, limited, cut }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
