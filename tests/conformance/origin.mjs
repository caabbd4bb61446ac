// Starts the suite's origin server on loopback; by default it listens on every interface.
//
// usage: node origin.mjs SUITE_DIR        (prints "Listening on http://127.0.0.1:PORT/")
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port) {
  return listen.call(this, Number(port), '127.0.0.1')
}

Object.assign(process.env, {
  npm_config_protocol: 'http',
  npm_config_port: '0',
  npm_config_pidfile: os.devNull
})
await import(pathToFileURL(path.resolve(process.argv[2], 'server/server.mjs')))
