#!/bin/bash
# How long writes stop when the leader dies, without clients and with CLIENTS (200) that then all make a TLS
# handshake with the two nodes that are left: storm.sh [ROUNDS (5)]. The two take turns, each on a fresh cluster
# of simulated nodes; prints each round, then the medians.
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
build=${BLIXARD_BUILD:-$src/build}
clients=${CLIENTS:-200}
dir=$(mktemp -d)
pids=()
down()
{
    [ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" 2>/dev/null || :
    wait 2>/dev/null || :
    rm -rf "$dir"/n?
    pids=()
}
trap 'down; rm -rf "$dir"' EXIT
ctl() { "$build/blixardctl" --addr "unix:$dir/n$1/blixard.sock" "${@:2}"; }
answers() { ctl "$1" version 2>/dev/null | grep -q ^blixardd; }

up()
{
    local k ports
    mapfile -t ports < <(python3 -c '
import socket
s = [socket.socket() for _ in range(6)]
for x in s:
    x.bind(("127.0.0.1", 0))
    print(x.getsockname()[1])')
    addresses=()
    for k in 1 2 3; do
        addresses+=("127.0.0.1:${ports[$((k + 2))]}")
        "$build/blixardd" --data "$dir/n$k" --name "n$k" --driver sim --listen "127.0.0.1:${ports[$((k - 1))]}" \
            --api "${addresses[$((k - 1))]}" >>"$dir/log" 2>&1 &
        pids+=($!)
    done
    for k in 1 2 3; do until answers $k; do :; done; done
    ctl 1 cluster init >/dev/null
    for k in 2 3; do ctl $k cluster join "$(ctl 1 cluster token create)" >/dev/null; done
    ctl 1 user create storm --role viewer >/dev/null
    ctl 1 cluster ca show >"$dir/ca.pem"
}

# One run: what storm.py prints. The leader is the node that made the cluster.
run() # CLIENTS
{
    up
    python3 "$src/tests/bench/storm.py" "$1" "$dir/ca.pem" "$(ctl 1 user token create storm)" \
        "$dir/n2/blixard.sock" "${pids[0]}" "${addresses[@]}"
    down 2>/dev/null
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

printf 'load average %s\n' "$(cut -d' ' -f1 /proc/loadavg)"
for ((i = 1; i <= ${1:-5}; i++)); do
    without=$(run 0)
    with=$(run "$clients")
    printf 'round %s: without clients %s; with %s %s\n' "$i" "$without" "$clients" "$with"
    sed 's/gap_ms \([0-9]*\).*/\1/' <<<"$without" >>"$dir/without"
    sed 's/gap_ms \([0-9]*\).*/\1/' <<<"$with" >>"$dir/with"
done
printf 'median gap: %s ms without clients, %s ms with %s\n' "$(median <"$dir/without")" \
    "$(median <"$dir/with")" "$clients"
