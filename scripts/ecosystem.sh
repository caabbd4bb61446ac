#!/usr/bin/env bash
# Tests the layers inside tonic, kube, jsonrpsee and async-openai, and the example of OTLP, over loopback.
#
#   scripts/ecosystem.sh [arguments of cargo test]
#
# Their dependencies are a workspace of their own, with a Cargo.lock of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
export CARGO_TARGET_DIR=$target/ecosystem CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
cargo fmt --manifest-path tests/ecosystem/Cargo.toml --check
cargo test --manifest-path tests/ecosystem/Cargo.toml "$@"
