#!/bin/bash
# Ten hostile clients, one after the other, each with one connection and with many, against a fresh
# cluster of three simulated nodes. Beside each a probe creates one virtual machine a second, on the
# node that is attacked. Shows the probe's latency beside that under a well-behaved load of 64 in
# flight, the daemon's memory at its most and a minute later, and the size of state.db.
#
#   SECONDS_EACH (default 60)  how long each of them attacks
#   MANY (default 900)         connections of those that use many
#   KINDS                      some of them only
#
# Exits with 1 when a bound is broken: p99 more than twice that of the good load, memory more than 64
# MiB above, or not given back; a snapshot larger than what events (32 MiB) and outcomes (44 MiB) may
# have together, or state.db with its log larger than that and 64 MiB.
set -u
src=$(cd "$(dirname "$0")/../.." && pwd)
build=${BLIXARD_BUILD:-$src/build}
seconds=${SECONDS_EACH:-60}
many=${MANY:-900}
kinds=${KINDS:-refused-creates unplaceable unknown-names lists slow-readers pipelines sql waits half-requests barriers}
dir=$(mktemp -d)
cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
trap 'cluster down --dir "$dir" >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
ulimit -n 4096

pause() { read -rt "$1" <> <(:) || :; }
memory() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status"; }
size() { du -cm "$dir"/n1/state.db* 2>/dev/null | awk 'END { print $1 }'; }
snapshot() { du -m "$dir"/n1/snapshot-* 2>/dev/null | awk '$1 > most { most = $1 } END { print most + 0 }'; }
figure() { sed -n "s/.*$1 \([0-9]*\).*/\1/p" "$dir/probe"; }

# The most memory while a process runs.
watch_memory() # pid
{
    local most=0 now
    while kill -0 "$1" 2>/dev/null; do
        now=$(memory)
        [ "$now" -le "$most" ] || most=$now
        pause 0.2
    done
    echo "$most" >"$dir/most"
}

cluster up --nodes 3 --dir "$dir" --driver sim >"$dir/up.log" 2>&1 || { cat "$dir/up.log"; exit 1; }
address=unix:$dir/n1/blixard.sock
pid=$(cat "$dir/n1/pid")
"$build/blixardctl" --addr "$address" bench --clients 64 --count 2000 --prefix load --keep >"$dir/out" 2>&1
"$build/blixardctl" --addr "$address" vm create idle --no-start >"$dir/out" 2>&1

# Well-behaved: creates and deletes, 64 in flight, as long as the probe runs.
good_load()
{
    while [ -e "$dir/good" ]; do
        "$build/blixardctl" --addr "$address" bench --clients 64 --count 2000 --prefix good
    done >"$dir/out" 2>&1
}
: >"$dir/good"
good_load &
load=$!
"$build/tests/bench/hostile" probe "$address" "$seconds" >"$dir/probe"
rm "$dir/good"
wait "$load"
good=$(figure p99_us)
failed=0
format='%-16s %6s %9s %9s %7s %7s %7s %7s %6s\n'
# shellcheck disable=SC2059
printf "$format" client conns p50-us p99-us ratio failed MiB-max MiB-end db-MiB
# shellcheck disable=SC2059
printf "$format" "64 in flight" 64 "$(figure median_us)" "$good" 1.0 "$(figure failed)" "$(memory)" "$(memory)" "$(size)"
for kind in $kinds; do
    for conns in 1 "$many"; do
        before=$(memory)
        "$build/tests/bench/hostile" "$kind" "$address" "$seconds" "$conns" >"$dir/attack" 2>&1 &
        attacker=$!
        watch_memory "$attacker" &
        watcher=$!
        timeout $((seconds * 4 + 60)) "$build/tests/bench/hostile" probe "$address" "$seconds" >"$dir/probe" 2>&1 ||
            echo "median_us 0 p99_us 999999999 failed $seconds" >"$dir/probe"
        wait "$attacker" "$watcher"
        most=$(cat "$dir/most")
        deadline=$((SECONDS + 60))
        until [ "$(memory)" -le $((before + 8)) ] || [ "$SECONDS" -ge "$deadline" ]; do pause 1; done
        end=$(memory)
        p99=$(figure p99_us)
        verdict=
        [ "$p99" -le $((2 * good)) ] || verdict="$verdict latency"
        [ "$(figure failed)" -eq 0 ] || verdict="$verdict failed"
        [ "$most" -le $((before + 64)) ] || verdict="$verdict memory"
        [ "$end" -le $((before + 8)) ] || verdict="$verdict kept"
        [ "$(size)" -le 140 ] || verdict="$verdict state"
        [ "$(snapshot)" -le 76 ] || verdict="$verdict snapshot"
        [ -z "$verdict" ] || failed=$((failed + 1))
        # shellcheck disable=SC2059
        printf "$format" "$kind" "$conns" "$(figure median_us)" "$p99" "$((p99 * 10 / good / 10)).$((p99 * 10 / good % 10))" \
            "$(figure failed)" "$most" "$end" "$(size)"
        [ -z "$verdict" ] || { echo "  beyond its bound:$verdict"; sed 's/^/  /' "$dir/attack" | tail -n 2; }
    done
done
exit $((failed > 0))
