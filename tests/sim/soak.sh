#!/bin/bash
# usage: soak.sh [HOURS [SEED]]
# Run the simulator over ever new seeds until so many hours (1; fractions too)
# have passed, one history in eleven ten times as long as the others, and beside
# it every sample through every codec. Failures are shown as they come; at the end
# stands what was done. Exit 1 when any failed.
#
# The next seed is kept in soak.next in the build directory: without SEED, a run goes on where
# the last one, ended or interrupted, stopped.
set -u
build=${BLIXARD_BUILD:-.}
hours=${1:-1} seed=${2:-$(cat "$build/soak.next" 2>/dev/null || echo 1000000)}
jobs=$(nproc)
work=$(mktemp -d)
codecs=
clean_up()
{
    [ -z "$codecs" ] || kill "$codecs" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

end=$(awk -v hours="$hours" -v now="$EPOCHREALTIME" 'BEGIN { printf "%d", now + hours * 3600 }')
[ "$end" -gt 0 ] || exit 2
failed=0

# A failure is from its line to the next seed's, or to the sum.
batch() # seeds, hours each
{
    "$build/blixard-sim" --seed "$seed" --seeds "$1" --hours "$2" --jobs "$jobs" >"$work/out" 2>&1 ||
        failed=1
    awk '/^seed [0-9]+: / { shown = /FAILED/ } /^[0-9]+ seeds, / { shown = 0 } shown' "$work/out"
    grep -aE '^[0-9]+ (seeds, |faults:)' "$work/out" >>"$work/sums"
    seed=$((seed + $1))
    echo "$seed" >"$build/soak.next"
}

"$build/tests/bench/codec_soak" "$(awk -v hours="$hours" 'BEGIN { printf "%d", hours * 3600 }')" \
    "$seed" >"$work/codecs" &
codecs=$!

from=$seed
while [ "${EPOCHREALTIME%.*}" -lt "$end" ]; do
    batch 100 0.1
    [ "${EPOCHREALTIME%.*}" -ge "$end" ] || batch 10 1
done

wait "$codecs" || failed=1
codecs=
cat "$work/codecs"
echo "$(date +%F): seeds $from to $((seed - 1))"
awk '
    / seeds, / {
        seeds += $1; failed += $3; hours += $5; operations += $7
    }
    / faults:/ {
        faults += $1
        for (i = 3; i < NF; i += 2) {
            if (!($i in kind)) names[++n] = $i
            kind[$i] += $(i + 1)
        }
    }
    END {
        printf "%d seeds, %d failed, %.1f simulated hours, %d operations, %d faults\n", seeds,
            failed, hours, operations, faults
        for (i = 1; i <= n; i++) printf "  %-12s %d\n", names[i], kind[names[i]]
    }' "$work/sums"
exit "$failed"
