#!/bin/bash
# Instructions that an operation of the key benchmark cases takes, counted by cachegrind, beside the
# figures of tests/bench/instructions.txt: more than 5 % above them fails. Counts are the same in every
# run where times are not. Those of another compiler or other flags say nothing about the code, and are
# a reason to skip. Prints TAP. With --write it prints new figures for the file instead.
set -uo pipefail
src=${BLIXARD_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
bench=${BLIXARD_BUILD:-.}/tests/bench/bench
figures=$src/tests/bench/instructions.txt
limit=5 # percent

cases='mem/alloc-512 mem/pool-512 mem/buf-512 mem/intern-20000 codec/vm-config/encode-flat
codec/vm-config/decode-flat codec/list-100/encode-msgpack frame/heartbeat
sched/decide-64 state/batch-64-of-1000 state/schedule-100-on-64 rec/off'

skip()
{
    echo "1..0 # SKIP $1"
    exit 0
}

# The C library chooses its copying functions by what the processor has.
simd()
{
    grep -m 1 '^flags' /proc/cpuinfo | tr ' ' '\n' | grep -xE 'avx2|avx512vl|erms|fsrm' |
        LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'
}

# What the figures depend on besides the code.
made_by()
{
    local cc=${CC:-gcc}
    printf '# %s; %s; %s; %s\n' "$(${cc#ccache } --version | head -n 1)" "${CFLAGS--g -O2}" \
        "$(getconf GNU_LIBC_VERSION)" "$(simd)"
}

counted() # case, operations
{
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null \
        "$bench" --count "$1" "$2" 2>&1 | awk '/I +refs:/ { gsub(/,/, "", $NF); print $NF }'
}

# Of one operation: the difference of two runs, so that opening the case is not counted. What a process
# needs to start differs by some dozens, so there are many operations where each takes few instructions.
instructions() # case
{
    local before after more
    before=$(counted "$1" 4)
    for more in 20 2000; do
        after=$(counted "$1" $((4 + more)))
        [ -n "$before" ] && [ -n "$after" ] || return 1
        [ $((after - before)) -lt 200000 ] || break
    done
    echo $(((after - before + more / 2) / more))
}

command -v valgrind >/dev/null || skip "valgrind is not installed"
if [ "${1-}" = --write ]; then
    made_by
    for name in $cases; do
        printf '%s %s\n' "$name" "$(instructions "$name")"
    done
    exit
fi
[ "$(made_by)" = "$(head -n 1 "$figures")" ] ||
    skip "the figures are of $(head -n 1 "$figures" | tail -c +3), this is $(made_by | tail -c +3)"
n=0 failed=0
while read -r name figure; do
    n=$((n + 1))
    now=$(instructions "$name") || now=0
    if [ "$now" -gt 0 ] && [ $((now * 100)) -le $((figure * (100 + limit))) ]; then
        echo "ok $n - $name: $now instructions, $figure noted"
    else
        echo "not ok $n - $name: $now instructions, $figure noted"
        failed=1
    fi
done < <(grep -v '^#' "$figures")
echo "1..$n"
exit $failed
