#!/bin/bash
# Two builds compared by creates on a cluster of three: pairs.sh BUILD_A BUILD_B [ROUNDS]. In each round
# both run once on a fresh cluster of simulated nodes, and each comes first in turn. Prints every round,
# then, for the rate and for the daemons' processor time, the mean of the paired differences of B from
# A in percent and its 95 % interval. COUNT (3000) creates by CLIENTS (64) at a time.
#
# What the flight recorder costs: one build as usual, one with --disable-recorder.
set -eu
[ $# -ge 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }
src=$(cd "$(dirname "$0")/../.." && pwd)
builds=("$(cd "$1" && pwd)" "$(cd "$2" && pwd)")
rounds=${3:-20}
dir=$(mktemp -d)
build=
cluster() { BLIXARD_BUILD=$build "$src/contrib/bootstrap-cluster.sh" "$@"; }
down() { [ ! -d "$dir/c" ] || cluster down --dir "$dir/c" >/dev/null 2>&1; rm -rf "$dir/c"; }
trap 'down; rm -rf "$dir"' EXIT

# One run with the build: creates a second, and milliseconds of the daemons' processors for 1,000.
run()
{
    local addr k pids=()
    build=$1
    cluster up --nodes 3 --dir "$dir/c" --driver sim >"$dir/up.log" 2>&1
    addr=$(sed -n 's/^export BLIXARD_ADDR=//p' "$dir/up.log" | tr -d "'\"")
    for k in 1 2 3; do pids+=(--pid "$(cat "$dir/c/n$k/pid")"); done
    "$build/blixardctl" bench --addr "$addr" --clients "${CLIENTS:-64}" --count "${COUNT:-3000}" \
        --start --keep --output json "${pids[@]}" | tr -d '\n' |
        sed 's/.*"per_second": *\([0-9.]*\).*/\1 &/; s/ .*"cpu_ms_per_1000": *\([0-9.]*\).*/ \1/'
    down
}

printf 'load average %s, %s rounds\n' "$(cut -d' ' -f1 /proc/loadavg)" "$rounds"
printf '%5s %12s %12s %12s %12s\n' round A-per-s B-per-s A-cpu-ms B-cpu-ms
for ((i = 1; i <= rounds; i++)); do
    first=$((i % 2))
    x=$(run "${builds[$first]}")
    y=$(run "${builds[$((1 - first))]}")
    [ "$first" -eq 0 ] || { z=$x x=$y y=$z; }
    read -r a_rate a_cpu <<<"$x"
    read -r b_rate b_cpu <<<"$y"
    printf '%5d %12s %12s %12s %12s\n' "$i" "$a_rate" "$b_rate" "$a_cpu" "$b_cpu" | tee -a "$dir/rows"
done

# The t distribution's 97.5 % quantile, by Cornish and Fisher from the normal one: within 0.3 % from
# six rounds on.
awk '
function summary(what, sum, squares, n,   mean, sd, df, z, t, half) {
    mean = sum / n
    sd = n > 1 ? sqrt((squares - n * mean * mean) / (n - 1)) : 0
    df = n > 1 ? n - 1 : 1
    z = 1.959964
    t = z + (z ^ 3 + z) / (4 * df) + (5 * z ^ 5 + 16 * z ^ 3 + 3 * z) / (96 * df ^ 2)
    half = t * sd / sqrt(n)
    printf "%s: B differs from A by %+.2f %%, 95 %% interval %+.2f to %+.2f %%\n", what, mean,
        mean - half, mean + half
}
{
    rate = 100 * ($3 - $2) / $2; cpu = 100 * ($5 - $4) / $4
    sr += rate; qr += rate ^ 2; sc += cpu; qc += cpu ^ 2; n++
}
END {
    summary("rate", sr, qr, n)
    summary("processor time", sc, qc, n)
}' "$dir/rows"
