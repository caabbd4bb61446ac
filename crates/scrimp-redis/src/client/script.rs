//! Scripts, which the server runs in one step.

use redis::{Cmd, ToRedisArgs, Value, cmd};

use super::{Failure, Ready};

/// A script in Lua, and its digest.
#[derive(Debug)]
pub(crate) struct Script(redis::Script, &'static str);

/// Scripts that every connection makes known to its servers: what follows the first write in the queue
/// shall find what it has written.
const TEXTS: [&str; 15] = [
    include_str!("../store/variants.lua"),
    include_str!("../store/piece.lua"),
    include_str!("../store/put.lua"),
    include_str!("../store/remove.lua"),
    include_str!("../store/sweep.lua"),
    include_str!("../lock/acquire.lua"),
    include_str!("../lock/fence.lua"),
    include_str!("../lock/renew.lua"),
    include_str!("../lock/release.lua"),
    include_str!("../log/append.lua"),
    include_str!("../log/read.lua"),
    include_str!("../log/beat.lua"),
    include_str!("../log/distrust.lua"),
    include_str!("../allowance/lease.lua"),
    include_str!("../rate/rate.lua"),
];

/// Returns the commands that make the scripts known.
pub(super) fn loading() -> impl Iterator<Item = Cmd> {
    TEXTS.iter().map(|text| {
        let mut command = cmd("SCRIPT");
        command.arg("LOAD").arg(text);
        command
    })
}

// === impl Script ===

impl Script {
    pub(crate) fn new(text: &'static str) -> Self {
        Self(redis::Script::new(text), text)
    }

    /// Runs the script on keys of one slot. The text is only sent to a server that does not know
    /// the digest.
    pub(crate) async fn run(
        &self,
        ready: Ready,
        keys: &[&[u8]],
        arguments: &[&[u8]],
    ) -> Result<Value, Failure> {
        let (client, insists, limit) = (ready.client.clone(), ready.insists, ready.limit);
        let command = call("EVALSHA", self.0.get_hash(), keys, arguments);
        match ready.run(keys[0], command).await {
            Err(failure) if failure.has_code("NOSCRIPT") => {
                let ready = Ready::renewed(&client, keys[0], insists).ok_or(Failure::Open)?;
                let command = self.whole(keys, arguments);
                ready.within(limit).run(keys[0], command).await
            }
            result => result,
        }
    }

    /// Returns the command that runs the script on a server that may not know it.
    pub(crate) fn whole(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        call("EVAL", self.1, keys, arguments)
    }
}

fn call(name: &str, script: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        part.write_redis_args(&mut command);
    }
    command
}
