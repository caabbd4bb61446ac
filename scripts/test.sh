#!/usr/bin/env bash
# Checks and tests everything, and installs what it needs for that.
#
#   scripts/test.sh          format, lints, docs, conformance suite, other people's servers, tests
#   scripts/test.sh --full   also each crate without features, lowest versions, dependencies and licences, MSRV
#
# Works on a bare Debian or Ubuntu with a Rust toolchain, as root or with sudo; elsewhere
# a C compiler, Node, npm, aria2, Chromium, Redis, Varnish and nginx with their modules must be there already.
# Stops at the first failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Known to agree with this script and with deny.toml; a newer one that is there is taken.
deny_version=0.20.2
hack_version=0.6.46
# The server that speaks S3 for the tests of scrimp-object.
moto_version=5.2.5

full=
case ${1-} in
    '') ;;
    --full) full=yes ;;
    *) echo "usage: scripts/test.sh [--full]" >&2; exit 2 ;;
esac

times=
step() {
    local name=$1 start=$SECONDS code
    shift
    echo "=== $name"
    # Not `"$@" || ..`, behind which a function would go on after a failure.
    set +e
    (set -e; "$@")
    code=$?
    set -e
    if [ "$code" != 0 ]; then
        echo "=== $name FAILED after $((SECONDS - start)) s" >&2
        exit "$code"
    fi
    echo "=== $name: $((SECONDS - start)) s"
    times+=$(printf '%6d s  %s' $((SECONDS - start)) "$name")$'\n'
}

has() { command -v "$1" >/dev/null; }
has_daemon() { PATH=$PATH:/usr/sbin has "$1"; }

tools() {
    local missing=()
    has cc || missing+=(gcc libc6-dev)
    has node || missing+=(nodejs)
    has npm || missing+=(npm)
    has aria2c || missing+=(aria2)
    python3 -c "import ensurepip" 2>/dev/null || missing+=(python3 python3-venv)
    # Caches to stand in front of; see tests/peers.
    has_daemon varnishd || missing+=(varnish)
    [ -n "$(find /usr/lib -name libvmod_xkey.so -print -quit)" ] || missing+=(varnish-modules)
    has_daemon nginx || missing+=(nginx-light)
    [ -e /usr/lib/nginx/modules/ngx_http_cache_purge_module.so ] ||
        missing+=(libnginx-mod-http-cache-purge)
    # What scrapes the metrics; promtool comes with it.
    has promtool || missing+=(prometheus)
    # What the tests of scrimp-redis start.
    has redis-server || missing+=(redis-server)
    # What opens the pages of the tests.
    has chromium || has chromium-browser || has google-chrome || missing+=(chromium)
    if [ ${#missing[@]} -gt 0 ]; then
        local sudo=()
        [ "$(id -u)" = 0 ] || sudo=(sudo)
        if ! has apt-get || ! has "${sudo[0]:-apt-get}"; then
            echo "error: please install: ${missing[*]}" >&2
            return 1
        fi
        "${sudo[@]}" apt-get update -qq
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    if [ -n "$full" ]; then
        cargo deny --version >/dev/null 2>&1 || cargo install --quiet --locked "cargo-deny@$deny_version"
        cargo hack --version >/dev/null 2>&1 || cargo install --quiet --locked "cargo-hack@$hack_version"
    fi
    cargo --version
    echo "node $(node --version), npm $(npm --version)"
}

moto=$(realpath -m "${CARGO_TARGET_DIR:-target}/moto")
export SCRIMP_MOTO=$moto/venv/bin/moto_server

# Installs it with what its S3 needs, into the target folder. Without it, tests are skipped.
object_store() {
    [ ! -e "$moto/installed-$moto_version" ] || return 0
    rm -rf "$moto"
    python3 -m venv "$moto/venv"
    if "$moto/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        "moto[s3]==$moto_version" flask flask-cors; then
        touch "$moto/installed-$moto_version"
    else
        echo "moto cannot be installed: the tests over S3 are skipped" >&2
    fi
}

# Incremental builds keep a second copy of every crate, which a run from the start never reads.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
# Panics still name their line; backtraces do not, and building and linking take much less.
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}

# The last line of all: how many tests ran, summed over cargo's summaries.
log=$(mktemp)
downloaded=$(mktemp)
trap 'rm -f "$log" "$downloaded"' EXIT
sum() {
    awk '/^test result: /{ p += $4; f += $6; i += $8 }
        END { printf "%d passed, %d failed, %d skipped\n", p, f, i }' "$log"
}

tests() {
    # Doctests first: the summary of the last crate's may well say 0.
    cargo test --workspace --all-features --doc 2>&1 | tee "$log"
    # The soak of five seconds becomes one of twenty.
    [ -z "$full" ] || export SCRIMP_SOAK_SECONDS=${SCRIMP_SOAK_SECONDS:-20}
    cargo test --workspace --all-features --lib --bins --tests --examples 2>&1 | tee -a "$log"
    # Small disks, which only an administrator may mount, and not in every container.
    if mounts; then
        cargo test --workspace --all-features --test store full:: -- --ignored 2>&1 | tee -a "$log"
    else
        echo "not run: the tests of a full disk mount small ones, which this user may not"
    fi
}

# Reports whether this user may mount a disk in memory.
mounts() {
    local folder
    folder=$(mktemp -d)
    if mount -t tmpfs -o size=64k tmpfs "$folder" 2>/dev/null; then
        umount "$folder" && rmdir "$folder"
    else
        rmdir "$folder"
        return 1
    fi
}

# Lints and tests tests/mutants, which is a workspace of its own.
mutants() {
    cargo fmt --check --manifest-path tests/mutants/Cargo.toml
    cargo clippy --locked --all-targets --manifest-path tests/mutants/Cargo.toml -- -D warnings
    cargo test --locked --manifest-path tests/mutants/Cargo.toml
}

# Fetches other people's software while crates compile, which leaves the network alone. What fails here is tried again,
# and reported, by the step that needs it.
downloads() {
    scripts/conformance.sh --install
    scripts/batch.sh --install
    scripts/prices.sh --install
    scripts/focus.sh --install
    object_store
}

step "tools" tools
downloads >"$downloaded" 2>&1 &
fetching=$!
step "format" cargo fmt --all --check
if has shellcheck; then
    step "scripts" shellcheck scripts/*.sh .ci/run
fi
if [ -n "$full" ]; then
    # Not advisories: their database is not something a build should have to fetch.
    step "dependencies" cargo deny --all-features check --hide-inclusion-graph bans licenses sources
    step "MSRV of dependencies" node scripts/msrv.mjs
fi
step "lints" cargo clippy --workspace --all-targets --all-features -- -D warnings -D clippy::incompatible_msrv
if [ -n "$full" ]; then
    step "lowest versions" scripts/minimal.sh
    step "inside other libraries" scripts/ecosystem.sh
    step "programs of the pages" scripts/start.sh
    step "the program that makes mutants" mutants
    # All features at once are those of the lints, and each alone those of scripts/long.sh.
    step "each crate without features" cargo hack --workspace --ignore-private check --no-default-features
fi
step "weight" scripts/weight.sh
if [ -n "$full" ]; then
    step "packages" scripts/package.sh
fi
step "docs" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
wait "$fetching" || echo "not all downloads came in: $(tail -n 1 "$downloaded")"
step "conformance" scripts/conformance.sh
if [ -n "$full" ]; then
    step "fuzz targets, 5 s each" scripts/fuzz.sh 5
fi
step "batches to other servers" scripts/batch.sh
step "prices and providers" scripts/prices.sh
step "exports for finance" scripts/focus.sh
step "a server for S3" object_store
step "tests" tests

echo "all in $SECONDS s:"
printf '%s' "$times"
sum
