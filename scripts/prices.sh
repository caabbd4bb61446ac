#!/usr/bin/env bash
# Checks the price table's loader against LiteLLM's own calculator, in about a minute.
#
# Installs LiteLLM's wheel with what its calculator imports into target/prices, asks the
# calculator (which runs without a network) what every model costs, and compares.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

litellm_version=1.109.1
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
"$python" tests/prices/costs.py "$work/answers.json"
SCRIMP_LITELLM_ANSWERS=$work/answers.json \
    cargo test --package scrimp-cost-route --test litellm -- --ignored --nocapture >"$work/report.txt" ||
    { tail -n 60 "$work/report.txt" >&2; exit 1; }
grep -E 'costs equal|left out, by reason' "$work/report.txt"
echo "rows left out, with the reason, are in $work/report.txt"
