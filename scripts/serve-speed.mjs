#!/usr/bin/env node
// Measures `scrimp serve` beside itself without layers, and beside other proxies, in one run.
//
//   scripts/serve-speed.mjs SCRIMP [rounds]
//
// SCRIMP is the release build of the command. Needs wrk and nginx; varnishd, a LiteLLM proxy (LITELLM=its
// command) and Portkey's gateway (PORTKEY=its start-server.js) take part if they are there. All listen on
// loopback, and the origin is an nginx that answers from its configuration. Each round runs every proxy once,
// in an order that turns: compare ratios, as times depend on what else the machine does.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [scrimp, rounds = "6"] = process.argv.slice(2);
if (!scrimp) throw new Error("which scrimp? (see the head of this script)");
const folder = mkdtempSync(join(tmpdir(), "serve-speed-"));
const children = [];
const file = (name, text) => { writeFileSync(join(folder, name), text); return join(folder, name); };
const start = (command, args, env = {}) => {
  const child = spawn(command, args, { stdio: "ignore", env: { ...process.env, ...env }, cwd: folder });
  child.on("error", (error) => console.error(`${command}: ${error.message}`));
  children.push(child);
  return child;
};
const installed = (command) => { try { execFileSync("sh", ["-c", `command -v ${command}`]); return true; } catch { return false; } };
// A connection is the event that a server is there.
const listening = (port) => new Promise((resolve, reject) => {
  const ends = Date.now() + 90_000;
  const attempt = () => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => { socket.destroy(); resolve(); });
    socket.once("error", () => Date.now() > ends ? reject(new Error(`nothing listens on ${port}`)) : setTimeout(attempt, 100));
  };
  attempt();
});

const answer = JSON.stringify({ id: "a", object: "chat.completion", created: 1, model: "m",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Four." } }],
  usage: { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 } });
const head = (name) => `user root; worker_processes 1; daemon off; pid ${folder}/${name}.pid; error_log /dev/null;
  events { worker_connections 1024; } http { access_log off; keepalive_requests 1000000000;
  client_body_temp_path ${folder}/${name}.body; proxy_temp_path ${folder}/${name}.proxy; fastcgi_temp_path ${folder}/${name}.f;
  uwsgi_temp_path ${folder}/${name}.u; scgi_temp_path ${folder}/${name}.s;`;
const nginx = (name, config) => start("nginx", ["-c", file(`${name}.conf`, head(name) + config + " }")]);
const [origin, layers, bare, proxied, varnish, litellm, portkey] = [9700, 9701, 9702, 9703, 9704, 9705, 9706];
nginx("origin", ` server { listen 127.0.0.1:${origin};
  location /hit { add_header Cache-Control max-age=3600; return 200 "0123456789"; }
  location / { default_type application/json; return 200 '${answer}'; } }`);
const gateway = (port, on) => start(scrimp, ["serve", "--log", "off", file(`gateway${port}.toml`, `
[server]
listen = "127.0.0.1:${port}"
[cache]
price = "0.001"
[[upstream]]
name = "origin"
url = "http://127.0.0.1:${origin}"
[[route]]
upstream = "origin"
cache = ${on}
coalesce = ${on}
stampede = ${on}
`)]);
const targets = [
  { name: "scrimp serve, layers off", port: bare, child: gateway(bare, false) },
  { name: "scrimp serve, layers on", port: layers, child: gateway(layers, true) },
  { name: "nginx", port: proxied, child: nginx("proxy", ` proxy_cache_path ${folder}/cache keys_zone=z:10m;
    upstream o { server 127.0.0.1:${origin}; keepalive 64; }
    server { listen 127.0.0.1:${proxied}; location / { proxy_pass http://o; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_cache z; proxy_cache_lock on; } }`) },
];
if (installed("varnishd")) targets.push({ name: "Varnish", port: varnish, child: start("varnishd", ["-F", "-n", join(folder, "varnish"),
  "-a", `127.0.0.1:${varnish}`, "-b", `127.0.0.1:${origin}`, "-s", "malloc,256m"]) });
if (process.env.LITELLM) targets.push({ name: "LiteLLM's proxy", port: litellm, chat: true,
  child: start(process.env.LITELLM, ["--host", "127.0.0.1", "--port", `${litellm}`, "--config", file("litellm.yaml",
    `model_list:\n  - model_name: m\n    litellm_params: { model: openai/m, api_base: "http://127.0.0.1:${origin}/v1", api_key: k }\n`)],
    { LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true" }) });
if (process.env.PORTKEY) targets.push({ name: "Portkey's gateway", port: portkey, chat: true,
  headers: { "x-portkey-provider": "openai", "x-portkey-custom-host": `http://127.0.0.1:${origin}/v1` },
  child: start("node", [process.env.PORTKEY, `--port=${portkey}`, "--headless"], { TRUSTED_CUSTOM_HOSTS: "127.0.0.1,localhost" }) });

// User and system time of a process and its descendants, in ticks of 10 ms.
const ticks = (root) => {
  const stats = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
      return [{ pid: +pid, parent: +fields[1], ticks: +fields[11] + +fields[12] }];
    } catch { return []; }
  });
  let sum = 0;
  const all = new Set([root]);
  for (let grew = true; grew;) {
    grew = false;
    for (const stat of stats) if (!all.has(stat.pid) && all.has(stat.parent)) { all.add(stat.pid); grew = true; }
  }
  for (const stat of stats) if (all.has(stat.pid)) sum += stat.ticks;
  return sum;
};
const chat = JSON.stringify({ model: "m", messages: [{ role: "user", content: "What is two plus two?" }] });
const lua = (target, post) => file("load.lua", [post ? `wrk.method = "POST"\nwrk.body = ${JSON.stringify(chat)}` : "",
  `wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer k"`,
  ...Object.entries(target.headers ?? {}).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`)].join("\n"));
const hitLua = () => file("load.lua", "");
const millis = (text) => { const [, value, unit] = /([\d.]+)(us|ms|s)/.exec(text); return value * { us: 0.001, ms: 1, s: 1000 }[unit]; };
const load = (target, path, post, seconds) => {
  const script = post ? lua(target, post) : hitLua();
  const before = ticks(target.child.pid);
  const out = execFileSync("wrk", ["-t1", "-c16", `-d${seconds}s`, "--latency", "-s", script, `http://127.0.0.1:${target.port}${path}`], { encoding: "utf8" });
  const used = ticks(target.child.pid) - before;
  const count = +/(\d+) requests in/.exec(out)[1];
  if (/Non-2xx/.test(out)) throw new Error(`${target.name}: ${out}`);
  return { rate: +/Requests\/sec:\s+([\d.]+)/.exec(out)[1], p50: millis(/^\s+50%\s+(\S+)/m.exec(out)[1]),
    p99: millis(/^\s+99%\s+(\S+)/m.exec(out)[1]), cpu: 10_000 * used / count };
};
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const run = (title, path, post, who) => {
  const results = new Map(who.map((target) => [target, []]));
  for (const target of who) load(target, path, post, 1);
  for (let round = 0; round < +rounds; round += 1) {
    const order = round % 2 ? who.toReversed() : who;
    for (const target of order) results.get(target).push(load(target, path, post, 2));
  }
  console.log(`\n${title}\n\n| proxy | requests a second | p50, ms | p99, ms | CPU a request, µs |\n|---|---|---|---|---|`);
  for (const [target, runs] of results) {
    const of = (key) => median(runs.map((it) => it[key]));
    console.log(`| ${target.name} | ${of("rate").toFixed(0)} | ${of("p50").toFixed(2)} | ${of("p99").toFixed(2)} | ${of("cpu").toFixed(1)} |`);
  }
  const [off, on] = who.map((target) => results.get(target));
  if (who[1].port === layers) {
    const ratios = (key, flip) => median(on.map((it, at) => flip ? off[at][key] / it[key] : it[key] / off[at][key])).toFixed(3);
    console.log(`\nlayers on by off, median of ${on.length} pairs: ${ratios("rate")} of the requests, ${ratios("cpu", true)} by CPU a request`);
  }
};
try {
  await Promise.all([origin, ...targets.map((target) => target.port)].map(listening));
  run("POST, not cached", "/v1/chat/completions", true, targets.filter((target) => !target.chat));
  run("GET, hits", "/hit", false, targets.filter((target) => !target.chat));
  const chats = targets.filter((target) => target.chat);
  if (chats.length) run("Chat completions, not cached", "/v1/chat/completions", true, [targets[1], ...chats]);
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
