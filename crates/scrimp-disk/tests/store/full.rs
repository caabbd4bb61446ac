//! A disk that is full.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::rig::{Rig, builder, respond};

/// A small disk of its own, in memory.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a disk of this size.
    fn mount(bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={bytes}"))
            .arg("tmpfs")
            .arg(folder.path())
            .output();
        let mounted = mounted.expect("a tool").status;
        assert!(mounted.success(), "only an administrator may mount a disk");
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Size of the disk: far below the limit of the store.
const DISK: u64 = 4 << 20;

async fn start(folder: &Path) -> Rig {
    Rig::over(builder(folder), |parts| {
        let mut random = fastrand::Rng::with_seed(parts.uri.path().len() as u64);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
            .take(30_000)
            .collect();
        respond(parts, [parts.uri.path().as_bytes(), b"\n", &noise].concat())
    })
    .await
}

/// Sends a request, and reports whether the response was stored.
async fn get(rig: &Rig, path: &str) -> bool {
    let answer = rig.get(path).await;
    let body = [path.as_bytes(), b"\n"].concat();
    assert!(answer.0.starts_with(&body) && answer.0.len() == body.len() + 30_000);
    answer.1
}

#[tokio::test(start_paused = true)]
#[ignore = "only an administrator may mount a disk; scripts/test.sh runs it then"]
async fn on_a_full_disk_the_least_recently_used_files_make_room() {
    let disk = SmallDisk::mount(DISK);
    let rig = start(&disk.path()).await;
    for n in 0..500 {
        assert!(!get(&rig, &format!("/{n}")).await);
        assert!(get(&rig, &format!("/{n}")).await, "the newest is stored");
    }
    let (counts, stats) = (rig.store.counts(), rig.layer.stats());
    assert!(counts.disk_full > 100, "{counts:?}");
    assert_eq!((stats.store_failures, counts.damaged), (0, 0));
    assert!(rig.bytes() > DISK * 3 / 4 && rig.bytes() <= DISK);
    drop(rig);
    let rig = start(&disk.path()).await;
    assert!(get(&rig, "/499").await, "the journal found room, too");
}

#[tokio::test(start_paused = true)]
#[ignore = "only an administrator may mount a disk; scripts/test.sh runs it then"]
async fn a_disk_that_others_have_filled_costs_nothing_but_hits() {
    let disk = SmallDisk::mount(DISK);
    let rig = start(&disk.path()).await;
    assert!(!get(&rig, "/kept").await && get(&rig, "/kept").await);
    let filling = disk.0.path().join("other");
    let mut file = std::fs::File::create(&filling).expect("a file");
    std::io::copy(&mut std::io::repeat(7), &mut file).expect_err("the disk is full");
    for n in 0..20 {
        for _ in 0..2 {
            get(&rig, &format!("/{n}")).await;
        }
    }
    assert!(rig.store.counts().disk_full > 0);
    assert!(rig.bytes() < 60_000, "{}", rig.bytes());
    std::fs::remove_file(filling).expect("removed");
    tokio::time::advance(Duration::from_secs(1)).await;
    for n in 100..110 {
        assert!(!get(&rig, &format!("/{n}")).await);
        assert!(get(&rig, &format!("/{n}")).await, "there is room again");
    }
}
