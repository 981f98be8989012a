#!/bin/bash
# The simulator proves itself: each mistake that is put into libcore on purpose
# must be found within 500 seeds, and no other build may have a trace of them.
# Prints TAP.
set -u
build=${BLIXARD_BUILD:-.}
sim=$build/tests/sim/blixard-sim-mutants
seeds=500

n=0

ok() # what
{
    n=$((n + 1))
    echo "ok $n - $1"
}

not_ok() # what
{
    n=$((n + 1))
    echo "not ok $n - $1"
}

find_it() # mistake
{
    local out tried
    out=$("$sim" --mutant "$1" --seeds "$seeds" --jobs 2 --until-failure --no-shrink 2>&1)
    tried=$(grep -ac '^seed ' <<<"$out")
    if grep -aq FAILED <<<"$out"; then
        ok "$1 is found, by seed $tried"
        grep -am1 -E '^violation|Assertion' <<<"$out" | sed 's/^/# /'
    else
        not_ok "$1 is found within $seeds seeds"
        tail -n 3 <<<"$out" | sed 's/^/# /'
    fi
}

no_trace() # file
{
    if [ ! -s "$build/$1" ]; then
        not_ok "$1 is there to be looked at"
    elif grep -aqi bx_mutant "$build/$1"; then
        not_ok "$1 has no trace of mutants"
    else
        ok "$1 has no trace of mutants"
    fi
}

for mutant in $("$sim" --mutant list); do
    find_it "$mutant"
done
for file in libcore.a blixard-sim blixardd blixardctl; do
    no_trace "$file"
done
echo "1..$n"
