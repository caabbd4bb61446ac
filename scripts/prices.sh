#!/usr/bin/env bash
# Checks scrimp-cost-route against other people's software, in about a minute: the price
# table's loader against LiteLLM's own calculator, and the router against aimock, providers
# that speak OpenAI's protocol and fail on demand.
#
#   scripts/prices.sh            everything
#   scripts/prices.sh --install  only fetches the software
#
# Installs LiteLLM's wheel with what its calculator imports, and the npm package, into
# target/prices; asks the calculator (which runs without a network) what every model costs,
# and compares. Needs python3 with venv, node and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

litellm_version=1.109.1
aimock_version=1.43.0
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/prices"
work=$(cd "$target/prices" && pwd)
python=$work/venv/bin/python
# The calculator's imports. Not the wheel's own list, which pins versions it does not need.
needs=(openai httpx pydantic pydantic-settings tiktoken tokenizers jinja2 aiohttp click
    importlib-metadata jsonschema python-dotenv typing_extensions fastuuid boto3 h2)

if ! [ -e "$work/installed-$litellm_version" ]; then
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps "litellm==$litellm_version"
    # pip warns of the pins named above, to no effect.
    "$python" -m pip install --quiet --disable-pip-version-check "${needs[@]}" 2>"$work/pip.log" ||
        { cat "$work/pip.log" >&2; exit 1; }
    touch "$work/installed-$litellm_version"
fi
if ! [ -d "$work/node_modules/@copilotkit/aimock" ]; then
    npm install --prefix "$work" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
        "@copilotkit/aimock@$aimock_version"
fi
[ "${1-}" != --install ] || exit 0
"$python" tests/prices/costs.py "$work/answers.json"
# The build of all tests: another set of features would build the dependencies once more.
SCRIMP_LITELLM_ANSWERS=$work/answers.json \
    cargo test --workspace --all-features --test litellm -- --ignored --nocapture >"$work/report.txt" ||
    { tail -n 60 "$work/report.txt" >&2; exit 1; }
grep -E 'costs equal|left out, by reason' "$work/report.txt"

# It serves until the writing end of the pipe is closed, which is when this script ends.
mkfifo "$work/stay.$$"
node tests/prices/aimock.mjs "$work" <"$work/stay.$$" >"$work/aimock.log" &
exec 3>"$work/stay.$$"
rm "$work/stay.$$"
for _ in $(seq 100); do
    grep -q well "$work/aimock.log" && break
    sleep 0.1
done
SCRIMP_AIMOCK=$(head -n 1 "$work/aimock.log") \
    cargo test --workspace --all-features --test aimock -- --ignored
exec 3>&-
wait
echo "rows left out, with the reason, are in $work/report.txt"
