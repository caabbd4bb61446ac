//! The page of a report in a browser, if there is one.

use crate::common;

use std::{fs, path::Path, process::Command};

use common::scrimp;

/// Widths of a small telephone, a telephone, and a window, in CSS pixels.
const WIDTHS: [u32; 3] = [320, 400, 1200];

/// Finds what reaches beyond the page on the right, and labels of the sizes that overlap.
const MEASURE: &str = r##"
onload = () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument.documentElement;
    if (page.scrollWidth > frame.clientWidth)
      found.push(`page ${page.scrollWidth} of ${frame.clientWidth}`);
    for (const part of page.querySelectorAll("main *")) {
      const { right } = part.getBoundingClientRect();
      if (right > frame.clientWidth + 1 && !part.closest(".scroll"))
        found.push(`${part.tagName} ${right} of ${frame.clientWidth}`);
    }
    const sizes = [...page.querySelectorAll(".sizes span")].map(size => size.getBoundingClientRect());
    sizes.slice(1).forEach((size, at) => {
      if (size.left < sizes[at].right) found.push(`size ${at} of ${frame.clientWidth}`);
    });
  }
  document.body.textContent = `measured: ${found.join(", ") || "all is inside"}`;
};
"##;

/// Returns the body of a page after its script has run, or `None` if no browser is installed.
fn browse(page: &Path) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let address = format!("file://{}", page.display());
    let output = names.into_iter().find_map(|name| {
        let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"];
        Command::new(name).args(flags).arg(&address).output().ok()
    })?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns a log whose names are long, and whose responses are of many sizes.
fn log() -> Vec<u8> {
    let line = |number: u32| {
        let (minute, path) = (number / 60 % 60, number % 700);
        let second = number % 60;
        let bytes = 1u64 << (6 + path % 12);
        let deep = "longer-than-any-screen-is-wide/".repeat(if path % 7 == 0 { 4 } else { 0 });
        format!(
            "10.0.0.1 - - [17/May/2015:10:{minute:02}:{second:02} +0000] \
             \"GET /{deep}{path}?utm_source=a{number}&page={number} HTTP/1.1\" 200 {bytes} \"-\" \"ua\"\n"
        )
    };
    (0..1_000).map(line).collect::<String>().into_bytes()
}

#[test]
fn the_page_fits_into_a_telephone_and_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let rule = format!("path=/{} ttl=5m", "a-rule-without-a-break-".repeat(8));
    let mut frames = String::new();
    for (at, flags) in [&["--stampede=2s"][..], &["--all"]].into_iter().enumerate() {
        let path = folder.path().join(format!("report-{at}.html"));
        let html = ["--html", path.to_str().unwrap()];
        let args = [
            "replay",
            "-",
            "--rule",
            "path=/** query=none",
            "--rule",
            &rule,
            "--ttl",
            "1h",
        ];
        let run = scrimp(&[&args[..], &html, flags].concat(), &log());
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        let page = fs::read_to_string(path).unwrap();
        let sizes = page.matches("iB</span>").count();
        assert!(sizes >= 6, "{sizes} sizes do not fill the width");
        let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
        for width in WIDTHS {
            let style = format!("border:0;width:{width}px;height:500px");
            frames += &format!("<iframe style=\"{style}\" srcdoc=\"{escaped}\"></iframe>\n");
        }
    }
    let page = folder.path().join("frames.html");
    fs::write(
        &page,
        format!("<!doctype html>\n{frames}<script>{MEASURE}</script>"),
    )
    .unwrap();
    let Some(body) = browse(&page) else {
        println!("no browser is installed: the page is not measured");
        return;
    };
    assert!(body.contains("measured: all is inside"), "{body}");
}
