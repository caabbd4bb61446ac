#!/usr/bin/env bash
# Mutates the rules that decide about money and truth, and counts the mutants that tests catch.
#
#   scripts/mutants.sh              the files without a result, or changed since their result
#   scripts/mutants.sh FILE..       these files, such as crates/scrimp-core/src/key.rs
#   scripts/mutants.sh --list       the files, each with its result
#   scripts/mutants.sh --anew FILE  forgets which mutants were caught before
#
# cargo-mutants lists the mutants, and tests/mutants runs them: all mutants of a package out of one
# build, each with the tests of the package that reach it, until one fails. Interrupted, it goes on where
# it was. The results stand in docs/mutants.tsv; docs/mutants.md has the reason for each mutant that is not
# caught.
#
# It tests what is committed, in a work tree of its own, so that you can go on editing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mutants_version=27.1.0
table=docs/mutants.tsv
reasons=docs/mutants.md

cache=crates/scrimp-cache/src
core=crates/scrimp-core/src
route=crates/scrimp-cost-route/src
batch=crates/scrimp-batch/src
files=(
    # Keys.
    "$core"/key.rs
    crates/scrimp-coalesce/src/key.rs
    "$cache"/request/key.rs
    # Breakers, and how much is tried again.
    "$core"/breaker.rs
    "$core"/retry_budget.rs
    "$route"/engine/health/{mod,row}.rs
    # Money.
    "$core"/money/{mod,text,split,exchange,totals}.rs
    "$core"/ledger.rs
    "$core"/ledger/{account,total}.rs
    "$core"/extensions/settlement.rs
    # Prices.
    "$route"/price/{unit_price,rate,rates,usage,calendar,window,mod}.rs
    "$route"/price/tariff/{mod,cost}.rs
    "$route"/{charging,bill}.rs
    # Budgets.
    "$route"/budget/{books,cap,reservation,ahead,checks,status,mod}.rs
    # Estimates, scores and choices.
    "$route"/engine/{decay,track,drift,estimate,candidate,flight,traffic,learn}.rs
    "$route"/engine/score/{formula,stakes,weights,mod}.rs
    "$route"/engine/{pass,decide,explore,router,ask}.rs
    # What may be shared.
    crates/scrimp-coalesce/src/policy.rs
    # The table that bounds memory.
    crates/scrimp-table/src/{claim,contest,evict,gauge,ghosts,heap,lib,order,rank,sample,shadow,shard,slot}.rs
    # What may be stored, and for how long.
    "$cache"/policy/{judge,freshness,bounds,storable,facts,vary}.rs
    # What is outdated.
    "$cache"/invalidation/{epoch,outside,writes,carried,target,tags,validity}.rs
    # Items of a batch, and their answers.
    "$batch"/codec/{array,graphql,rest,rest_answer,json,words,item,mod}.rs
    "$batch"/codec/jsonrpc/{mod,answer,dialect}.rs
    "$batch"/engine/{size,window}.rs
)

# Prints the row of a file, if there is one.
row() { awk -F'\t' -v file="$1" '$1 == file' "$table" 2>/dev/null || true; }

# Reports whether a file has a result, and is the same as when it was tested.
is_done() {
    local commit
    commit=$(row "$1" | cut -f7)
    [ -n "$commit" ] && git cat-file -e "$commit" 2>/dev/null && git diff --quiet "$commit" -- "$1"
}

anew=
chosen=()
for argument in "$@"; do
    case $argument in
        --list)
            for file in "${files[@]}"; do
                found=$(row "$file")
                is_done "$file" || found="$file	(to do)"
                echo "$found"
            done
            exit 0
            ;;
        --anew) anew=yes ;;
        *)
            [[ " ${files[*]} " = *" $argument "* ]] || {
                echo "error: $argument is not on the list in scripts/mutants.sh" >&2
                exit 2
            }
            chosen+=("$argument")
            ;;
    esac
done
if [ ${#chosen[@]} = 0 ]; then
    for file in "${files[@]}"; do
        is_done "$file" || chosen+=("$file")
    done
fi

if [ -n "$(git status --porcelain -- crates Cargo.toml Cargo.lock)" ]; then
    echo "error: commit first: a result names the commit that it is of" >&2
    exit 1
fi
cargo mutants --version >/dev/null 2>&1 || cargo install --quiet --locked "cargo-mutants@$mutants_version"

commit=$(git rev-parse --short=10 HEAD)
root=$PWD
work=$(realpath -m "${CARGO_TARGET_DIR:-target}")/mutants
tree=$work/tree
mkdir -p "$work"
git worktree prune
if [ -e "$tree" ]; then
    git -C "$tree" checkout --quiet --force --detach "$commit"
else
    git worktree add --quiet --detach "$tree" "$commit"
fi
export CARGO_TARGET_DIR=$work/build
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
# The mutants that cannot stand in one build are compiled again and again, with one line changed.
export CARGO_INCREMENTAL=1
cargo build --quiet --locked --manifest-path tests/mutants/Cargo.toml --target-dir "$work/tool"
kept=$work/results
mkdir -p "$kept"

package_of() { cut -d/ -f2 <<<"$1"; }

# Puts the counts of a file into the table.
put() {
    local file=$1 caught=$2 missed=$3 late=$4 unviable=$5
    {
        printf 'file\tmutants\tcaught\tmissed\ttimeouts\tunviable\tcommit\n'
        {
            awk -F'\t' -v file="$file" 'NR > 1 && $1 != file' "$root/$table" 2>/dev/null || true
            printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$file" $((caught + missed + late)) \
                "$caught" "$missed" "$late" "$unviable" "$commit"
        } | sort
    } >"$work/table"
    cp "$work/table" "$root/$table"
    echo "$file: $caught caught, $missed missed, $late took too long, $unviable did not compile"
}

mapfile -t packages < <(for file in "${chosen[@]}"; do package_of "$file"; done | awk '!seen[$0]++')
for package in "${packages[@]}"; do
    of_package=()
    for file in "${chosen[@]}"; do
        [ "$(package_of "$file")" = "$package" ] || continue
        of_package+=("$file")
        [ -z "$anew" ] || sed -i "\\|\t$file:|d" "$kept/$package.tsv" 2>/dev/null || true
    done
    echo "=== $package"
    git -C "$tree" checkout --quiet --force --detach "$commit"
    "$work/tool/debug/scrimp-mutants" "$tree" "$package" "$kept" "${of_package[@]}" >"$work/report"
    while IFS=$'\t' read -r first second missed late unviable; do
        case $first in
            late) ;;
            # Without line and column, which change.
            missed) grep -qF -- "${second#*: }" "$reasons" || echo "without a reason: $second" ;;
            *) put "$first" "$second" "$missed" "$late" "$unviable" ;;
        esac
    done <"$work/report"
done
