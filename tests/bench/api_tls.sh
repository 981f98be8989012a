#!/bin/bash
# What TLS costs: creates per second with 256 in flight over TCP, on a cluster of three simulated nodes
# with TLS, on link and API, and on one with --insecure-loopback, in turns. The clients have
# certificates. Both clusters run all the time, and each turn begins with the other one.
#
#   PAIRS (default 7)    turns
#   COUNT (default 3000) creates of a turn
#   CLIENTS (default 256)
set -eu
src=$(cd "$(dirname "$0")/../.." && pwd)
build=${BLIXARD_BUILD:-$src/build}
dir=$(mktemp -d)
ctl() { "$build/blixardctl" "$@" </dev/null; }
cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
down()
{
    for kind in tls plain; do cluster down --dir "$dir/$kind" >/dev/null 2>&1 || :; done
    rm -rf "$dir"
}
trap down EXIT

figure() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" <<<"$result"; }
served() { ctl --addr "$1" "${@:2}" vm list >/dev/null 2>&1; }

# A cluster whose nodes listen for clients on ports of their own: sets addr, and words, what clients
# are told to prove themselves with.
begin() # tls or plain, flags of the daemons
{
    local kind=$1 port k socket tries
    # shellcheck disable=SC2034
    BLIXARDD_FLAGS=$2 cluster up --nodes 3 --dir "$dir/$kind" --driver sim >"$dir/$kind.log" 2>&1
    socket=unix:$dir/$kind/n1/blixard.sock
    read -r _ _ port <"$dir/$kind/cluster"
    addr='' words=()
    for k in 1 2 3; do
        cluster stop-node "n$k" --dir "$dir/$kind" >>"$dir/$kind.log" 2>&1
        BLIXARDD_FLAGS="$2 --api 127.0.0.1:$((port + 10 + k))" \
            cluster start-node "n$k" --dir "$dir/$kind" >>"$dir/$kind.log" 2>&1
        addr+=${addr:+,}127.0.0.1:$((port + 10 + k))
    done
    if [ "$kind" = tls ]; then
        ctl --addr "$socket" --timeout 30s user create bench --role operator >/dev/null
        ctl --addr "$socket" user cert bench --out "$dir/bench" >/dev/null
        ctl --addr "$socket" cluster ca show --out "$dir/ca.pem"
        words=(--ca "$dir/ca.pem" --cert "$dir/bench.crt" --key "$dir/bench.key")
    fi
    for ((tries = 0; tries < 300; tries++)); do
        served "$addr" "${words[@]}" && return 0
        read -rt 0.1 <> <(:) || :
    done
    echo "the cluster is not served over TCP" >&2
    return 1
}

begin tls ""
tls_addr=$addr tls_words=("${words[@]}")
begin plain --insecure-loopback
plain_addr=$addr

# Sets result, and prints its figures.
turn() # kind, number
{
    local words=() addr=$plain_addr pids=() k
    [ "$1" = plain ] || words=("${tls_words[@]}") addr=$tls_addr
    for k in 1 2 3; do pids+=(--pid "$(cat "$dir/$1/n$k/pid")"); done
    result=$(ctl bench --addr "$addr" "${words[@]}" --clients "${CLIENTS:-256}" --count "${COUNT:-3000}" \
        --prefix "$1$2" --output json "${pids[@]}" | tr -d '\n')
    echo "$1 $(figure per_second) $(figure p50_us) $(figure p99_us) $(figure cpu_ms_per_1000)" >>"$dir/figures"
}
printf 'load average %s, %s clients, %s creates a turn\n' "$(cut -d' ' -f1 /proc/loadavg)" "${CLIENTS:-256}" "${COUNT:-3000}"
turn tls warm && turn plain warm
: >"$dir/figures"
for ((i = 1; i <= ${PAIRS:-7}; i++)); do
    if ((i % 2)); then turn tls "$i" && turn plain "$i"; else turn plain "$i" && turn tls "$i"; fi
done
# Medians, and of the differences within a turn as well, for other work on the machine comes and goes.
awk '
function median(v, n,   i, j, x) {
    for (i = 2; i <= n; i++) {
        x = v[i]
        for (j = i - 1; j > 0 && v[j] > x; j--) v[j + 1] = v[j]
        v[j + 1] = x
    }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function of(kind, what, all,   i) {
    for (i = 1; i <= pairs; i++) all[i] = value[kind, i, what]
    return median(all, pairs)
}
{
    n[$1]++; pairs = n[$1]
    for (i = 2; i <= 5; i++) value[$1, n[$1], i] = $i
}
END {
    printf "%-6s %9s %9s %9s %16s\n", "api", "per-s", "p50-us", "p99-us", "cpu-ms-per-1000"
    split("plain tls", kinds)
    for (k = 1; k <= 2; k++)
        printf "%-6s %9d %9d %9d %16d\n", kinds[k], of(kinds[k], 2), of(kinds[k], 3), of(kinds[k], 4), of(kinds[k], 5)
    for (i = 1; i <= pairs; i++) {
        rate[i] = (value["tls", i, 2] / value["plain", i, 2] - 1) * 100
        cpu[i] = (value["tls", i, 5] / value["plain", i, 5] - 1) * 100
    }
    printf "TLS, median of %d pairs: %+.1f %% creates per second, %+.1f %% processor time of the daemons\n", pairs,
        median(rate, pairs), median(cpu, pairs)
}' "$dir/figures"
