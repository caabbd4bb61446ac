// What the OData service answers; there is no database.
module.exports = srv => {
    srv.on('READ', 'Things', req => {
        const key = req.params.at(-1)
        const id = Number(key?.id ?? key)
        if (id === 404) return req.reject(404, 'no such thing')
        return { id, name: `thing ${id}` }
    })
    srv.on('CREATE', 'Things', req => req.data)
}
