//! A model that the training script makes of real sessions.

#[path = "../../scrimp-prefetch/tests/traces/mod.rs"]
mod traces;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use http::Uri;
use scrimp_onnx::OnnxPredictor;
use scrimp_prefetch::{ItemId, Next, Predictor, Trail, Visit};
use tokio::time::Instant;
use traces::{msnbc, trace};

/// Runs a command in a folder. Returns its output, or none with a message if it fails.
fn run(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    if !output.status.success() {
        println!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Trains a model, with packages that are installed into the target folder. Returns the folder with the model, and what
/// the script said.
fn train() -> Option<(PathBuf, String)> {
    let sessions = trace("msnbc990928.zip")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("train");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("onnx");
    let python = folder.join("venv/bin/python");
    let (wanted, installed) = (
        script.join("requirements.txt"),
        folder.join("installed.txt"),
    );
    let packages = std::fs::read_to_string(&wanted).expect("the requirements");
    if std::fs::read_to_string(&installed).ok().as_ref() != Some(&packages) {
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(folder.join("venv")))?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ];
        run(Command::new(&python).args(install).arg(&wanted))?;
        std::fs::write(&installed, &packages).ok()?;
    }
    let said = run(Command::new(&python)
        .arg(script.join("train.py"))
        .arg(sessions)
        .arg(&folder))
    .expect("training succeeds");
    Some((folder, said))
}

/// Paths of the categories, in the order of their numbers.
fn paths(folder: &Path) -> Vec<Uri> {
    let json = std::fs::read(folder.join("next.json")).expect("a vocabulary");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let paths = json["templates"].as_array().expect("templates").iter();
    paths
        .map(|path| path.as_str().expect("a path").parse().expect("a URI"))
        .collect()
}

/// Judges a predictor at each page that is new to its session, but the first. Returns the number of these, the shares
/// predicted first and among three, and the mean time of a prediction.
fn judge(
    predictor: &mut OnnxPredictor,
    sessions: &[Vec<u32>],
    paths: &[Uri],
) -> (u32, f64, f64, Duration) {
    let (mut events, mut first, mut third, mut time) = (0_u32, 0_u32, 0_u32, Duration::ZERO);
    let mut predictions = Vec::new();
    for session in sessions {
        let mut trail = Trail::new();
        for category in session {
            let item = ItemId::new(*category).expect("not 0");
            let uri = &paths[*category as usize - 1];
            if let Some(last) = trail.recent(0).filter(|_| !trail.has_seen(item)) {
                predictions.clear();
                let last_uri = &paths[last.get() as usize - 1];
                let start = Instant::now();
                predictor.predict(&trail, &Visit::new(last, last_uri, None), &mut predictions);
                time += start.elapsed();
                let expected = Next::Path(uri.path().to_owned());
                let place = predictions.iter().position(|one| one.next == expected);
                events += 1;
                first += u32::from(place == Some(0));
                third += u32::from(place.is_some_and(|place| place < 3));
            }
            predictor.observe(&trail, &Visit::new(item, uri, None));
            trail.push(item);
        }
    }
    let share = |count: u32| f64::from(count) / f64::from(events);
    (events, share(first), share(third), time / events)
}

#[test]
fn a_trained_model_predicts_in_the_layer_what_it_predicted_in_training() {
    let Some((folder, said)) = train() else {
        println!("skipped: the sessions or the packages of Python are absent");
        return;
    };
    let mut predictor = OnnxPredictor::open(folder.join("next.onnx"), folder.join("next.json"))
        .expect("a model that can be run");
    let sessions = msnbc().expect("the sessions");
    let test = &sessions[100_000..150_000];
    let (events, first, third, time) = judge(&mut predictor, test, &paths(&folder));
    println!(
        "{said}{events} new pages, first {first:.4}, among three {third:.4}, {time:?} a prediction"
    );
    let numbers: Vec<f64> = said
        .split([' ', ',', '\n'])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(said.starts_with(&format!("{events} ")), "{said}");
    assert!(
        (first - numbers[1]).abs() < 1e-3 && (third - numbers[2]).abs() < 1e-3,
        "{said}"
    );
    assert!(first > 0.24 && third > 0.49, "{first} {third}");
}
