#!/usr/bin/env bash
# Checks that a release can be made of what is committed. Nothing is tagged or uploaded.
#
#   scripts/release.sh
#
# - Each release in CHANGELOG.md but the newest has a tag, and the newest has the version of Cargo.toml.
# - Nothing breaks since the last tagged release that the version does not allow (cargo semver-checks).
# - Every crate can be packaged (scripts/package.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "error: $*" >&2
    exit 1
}

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
mapfile -t releases < <(sed -n 's/^## \[\([0-9][^]]*\)\].*/\1/p' CHANGELOG.md)
tagged() { git rev-parse --quiet --verify "refs/tags/v$1" >/dev/null; }

last=
for release in "${releases[@]}"; do
    if tagged "$release"; then
        last=${last:-$release}
    elif [ "$release" != "${releases[0]}" ]; then
        fail "CHANGELOG.md has $release, and there is no tag v$release"
    fi
done
if [ ${#releases[@]} = 0 ]; then
    echo "CHANGELOG.md has no release yet: \"Unreleased\" becomes $version"
elif [ "${releases[0]}" != "$version" ]; then
    fail "the newest release in CHANGELOG.md is ${releases[0]}, and Cargo.toml has $version"
fi
# Versions of the workspace's own crates, with which they are published.
if grep -E '^scrimp.* path = ' Cargo.toml | grep -v testkit | grep -vqF "version = \"$version\""; then
    fail "a crate of [workspace.dependencies] has another version than $version"
fi
if [ -n "$last" ]; then
    cargo semver-checks --version >/dev/null 2>&1 || fail "cargo install --locked cargo-semver-checks"
    cargo semver-checks --workspace --all-features --baseline-rev "v$last" \
        --exclude scrimp-examples --exclude scrimp-tests --exclude scrimp-testkit
else
    echo "no release is tagged: there is nothing to compare the API with"
fi
scripts/package.sh
