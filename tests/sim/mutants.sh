#!/bin/bash
# The simulator proves itself: each mistake that is put into libcore on purpose
# must be found within 500 seeds, and no other build may have a trace of them.
# Prints TAP.
set -u
build=${BLIXARD_BUILD:-.}
sim=$build/tests/sim/blixard-sim-mutants
seeds=500
# Where the search for some begins: they were found there last. A change of the product or of the
# simulator moves them; then all seeds are tried.
declare -A begin=([mark-ignored]=50 [ack-unsynced]=60 [forget-failures]=155 [space-acked]=40)

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

search() # mistake, first seed, seeds: into $out
{
    out=$("$sim" --mutant "$1" --seed "$2" --seeds "$3" --jobs 2 --until-failure --no-shrink --record none 2>&1)
    grep -aq FAILED <<<"$out"
}

find_it() # mistake
{
    local out
    if [ -z "${begin[$1]-}" ] || ! search "$1" "${begin[$1]}" 16; then
        search "$1" 1 "$seeds"
    fi
    if grep -aq FAILED <<<"$out"; then
        ok "$1 is found, by seed $(grep -a FAILED <<<"$out" | sed -n '1s/^seed \([0-9]*\):.*/\1/p')"
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

# What the nodes recorded is in files that the tools read, the same ones each time.
leaves_files()
{
    local file dir what="a seed that fails leaves what its nodes recorded"
    dir=$(mktemp -d)
    "$sim" --mutant apply-twice --seeds 5 --until-failure --no-shrink --record "$dir" >/dev/null 2>&1
    file=$(find "$dir" -name 'sim-*-h1.bxr')
    if [ -n "$file" ] && "$build/blixardctl" log verify "$file" >/dev/null 2>&1 &&
        "$build/blixardctl" log query "$file" 2>/dev/null | grep -q '^1970-01-01T00:0'; then
        mv "$file" "$dir/first"
        "$sim" --mutant apply-twice --seeds 5 --until-failure --no-shrink --record "$dir" >/dev/null 2>&1
        if cmp -s "$dir/first" "$file"; then ok "$what"; else not_ok "$what, the same each time"; fi
    else
        not_ok "$what"
    fi
    rm -rf "$dir"
}

leaves_files
for mutant in $("$sim" --mutant list); do
    find_it "$mutant"
done
for file in libcore.a blixard-sim blixardd blixardctl; do
    no_trace "$file"
done
echo "1..$n"
