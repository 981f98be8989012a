#!/bin/bash
# Creates per second on a fresh cluster of three simulated nodes on loopback, through API, placement,
# log, SQLite and reply, each VM started: with 1, 64 and 256 in flight. BENCH_JSON names a file that
# gets the same figures.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
build=${BLIXARD_BUILD:-$src/build}
json=${BENCH_JSON:-/dev/null}
dir=$(mktemp -d)
cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
trap 'cluster down --dir "$dir" >/dev/null 2>&1; rm -rf "$dir"' EXIT

# One figure of a JSON object.
figure() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" <<<"$result"; }

# What a synced write costs says how much of a create is the disk's.
synced_us()
{
    local began=${EPOCHREALTIME/[.,]/}
    dd if=/dev/zero of="$dir/synced" bs=4k count=100 oflag=dsync status=none
    echo $(((${EPOCHREALTIME/[.,]/} - began) / 100))
}

cluster up --nodes 3 --dir "$dir" --driver sim >"$dir/up.log" 2>&1
addr=$(sed -n 's/^export BLIXARD_ADDR=//p' "$dir/up.log" | tr -d "'\"")
pids=()
for k in 1 2 3; do pids+=(--pid "$(cat "$dir/n$k/pid")"); done
printf 'load average %s, driver sim, a synced write of 4 KiB %s us\n' \
    "$(cut -d' ' -f1 /proc/loadavg)" "$(synced_us)"
format='%-9s %9s %9s %9s %9s %16s\n'
# shellcheck disable=SC2059
printf "$format" in-flight created per-s p50-us p99-us cpu-ms-per-1000
comma='['
for n in 1 64 256; do
    result=$("$build/blixardctl" bench --addr "$addr" --clients "$n" --count "${COUNT:-3000}" \
        --prefix "c$n" --start --keep --output json "${pids[@]}" | tr -d '\n')
    # shellcheck disable=SC2059
    printf "$format" "$n" "$(figure created)" "$(figure per_second)" "$(figure p50_us)" \
        "$(figure p99_us)" "$(figure cpu_ms_per_1000)"
    printf '%s%s' "$comma" "$result" >>"$dir/json"
    comma=','
done
printf ']\n' >>"$dir/json"
cat "$dir/json" >"$json"
