#!/bin/bash
# Clusters on virtual time: no history of many seeds violates an invariant, none
# of those that once did does so again, and a seed is the same history wherever
# it runs. BLIXARD_SIM_SEEDS is the number of seeds (100; make soak-seeds: 500). Prints TAP.
set -u
build=${BLIXARD_BUILD:-.}
src=${BLIXARD_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
sim=$build/blixard-sim
seeds=${BLIXARD_SIM_SEEDS:-100}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

n=0

report() # exit code, what, file with what to show when it failed
{
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        [ $# -lt 3 ] || tail -n 100 "$3" | sed 's/^/# /'
    fi
}

# Enough must have happened: 0.1 h a seed, in each of them an operation a second and a fault a
# minute, and of many seeds every kind of fault.
enough() # output
{
    awk -v seeds="$seeds" '
        / seeds, / { for (i = 1; i < NF; i++) v[$(i + 1)] = $i }
        / faults: / {
            faults = $1
            for (i = 4; i <= NF; i += 2) if ($i == 0) never = never " " $(i - 1)
        }
        /^least in a seed: / { operations = $5; a_minute = $9 }
        END {
            hours = v["h,"]
            print "# " v["seeds,"] " seeds, " hours " h, " v["operations"] " operations, " \
                faults " faults; in each at least " operations " a second, " a_minute " a minute"
            if (seeds < 100) never = ""
            if (never != "") print "# never:" never
            exit !(v["seeds,"] == seeds && hours >= seeds / 10 &&
                   operations >= 1 && a_minute >= 1 && never == "")
        }' "$1"
}

# One in five once more, by other addresses and another environment: each to the same bit.
check_again() # output
{
    local again=$((seeds / 5 + 1))
    (cd / && env -i "PADDING=$(printf '%0*d' 5000 0)" LC_ALL=C \
        "$sim" --seeds "$again" --jobs 2 --record none) 2>&1 | grep -a '^seed ' >"$work/again"
    grep -a '^seed ' "$1" | head -n "$again" | diff - "$work/again" >"$work/differs" 2>&1
    report $? "$again of them are the same again" "$work/differs"
}

check_seeds()
{
    local out=$work/seeds start=$EPOCHREALTIME
    "$sim" --seeds "$seeds" --jobs 2 >"$out" 2>&1
    report $? "$seeds seeds hold every invariant" "$out"
    enough "$out"
    report $? "enough happens in them" "$out"
    check_again "$out"
    awk -v from="$start" -v to="$EPOCHREALTIME" '/ seeds, / {
        sub(/.* failed, /, ""); sub(/ h, .*/, "")
        printf "# %.1f s, %.0f times real time\n", to - from, $0 * 3600 / (to - from) }' "$out"
}

# The same seed under other addresses, in another environment, from another folder.
check_replay() # seed
{
    "$sim" --seed "$1" --trace >"$work/one" 2>&1
    (cd / && env -i "PADDING=$(printf '%0*d' 3000 0)" TZ=Asia/Tokyo LC_ALL=C \
        "$sim" --seed "$1" --trace) >"$work/two" 2>&1
    [ "$(wc -l <"$work/one")" -gt 100 ] && cmp "$work/one" "$work/two" >"$work/differs" 2>&1
    report $? "seed $1 is the same history in another process" "$work/differs"
}

# SEED HOURS [HOSTS]  # what it found
check_regressions()
{
    local seed hours hosts what
    while read -r seed hours hosts what; do
        case $seed in '' | '#'*) continue ;; esac
        case $hosts in '#') hosts= ;; *) what=${what#\# } ;; esac
        "$sim" --seed "$seed" --hours "$hours" ${hosts:+--hosts "$hosts"} >"$work/again" 2>&1
        report $? "seed $seed, $hours h${hosts:+, $hosts hosts}: $what" "$work/again"
    done <"$src/tests/sim/seeds.txt"
}

case $sim in /*) ;; *) sim=$PWD/$sim ;; esac
check_seeds
for seed in 11 4711 18446744073709551615; do
    check_replay "$seed"
done
check_regressions
echo "1..$n"
