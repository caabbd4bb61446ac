// GraphQL by Apollo Server, with batches allowed.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'

const server = new ApolloServer({
    typeDefs: 'type Query { double(n: Int!): Int! fail: Int } type Mutation { set: Int }',
    resolvers: {
        Query: {
            double: (_, { n }) => 2 * n,
            fail: () => { throw new Error('no') },
        },
        Mutation: { set: () => 1 },
    },
    allowBatchedHttpRequests: true,
})
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: '127.0.0.1' } })
console.log(`listening on ${url.replace('localhost', '127.0.0.1').replace(/\/$/, '')}`)
