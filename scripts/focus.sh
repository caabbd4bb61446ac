#!/usr/bin/env bash
# Checks the export of scrimp-focus with the validator of the FinOps Foundation, in about two minutes, most of it
# installing.
#
#   scripts/focus.sh            everything
#   scripts/focus.sh --install  only fetches the validator
#
# Installs the package focus-validator into target/focus. It needs Python 3.12 or newer with venv; without one, the
# script says so and checks nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.2.1
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/focus"
work=$(cd "$target/focus" && pwd)

newest() {
    local python
    for python in python3.14 python3.13 python3.12 python3 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
        if "$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

if ! [ -e "$work/installed-$version" ]; then
    python=$(newest)
    if [ -z "$python" ]; then
        echo "skipped: focus-validator needs Python 3.12 or newer, and there is none"
        exit 0
    fi
    "$python" -m venv --clear "$work/venv"
    # Its numpy is too old for later versions of pyarrow.
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "focus-validator==$version" 'pyarrow<22'
    touch "$work/installed-$version"
fi
[ "${1-}" != --install ] || exit 0
# The build of all tests: another set of features would build the dependencies once more.
SCRIMP_FOCUS_VALIDATOR=$work/venv/bin/python \
    cargo test --workspace --all-features --test validator -- --nocapture >"$work/report.txt" ||
    { tail -n 60 "$work/report.txt" >&2; exit 1; }
grep -E '^(checked|test result)' "$work/report.txt"
