#!/bin/bash
# The bootstrap script, on three real daemons with the simulated driver: an idle cluster becomes one of
# three voters, loses its leader, goes on, takes the node back, and leaves no process behind.
set -u

src=${BLIXARD_SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
PATH=${BLIXARD_BUILD:?}:$PATH
cluster=$src/contrib/bootstrap-cluster.sh
dir=$(mktemp -d)
n=0
unset BLIXARD_ADDR

finish()
{
    "$cluster" down --dir "$dir" >/dev/null 2>&1
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

result() # exit code, what
{
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        for log in "$dir"/log "$dir"/n*/log; do
            [ ! -f "$log" ] || tail -n 15 "$log" | sed 's/^/# /'
        done
    fi
}

check() # what, command...
{
    local what=$1
    shift
    "$@" >>"$dir/log" 2>&1
    result $? "$what"
}

wait_until() # seconds, command...
{
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

voters()
{
    blixardctl cluster members -o json | grep -cE '"role": "(voter|leader)"'
}

phase_is() # vm, phase
{
    blixardctl vm show "$1" -o json 2>/dev/null | grep -q "\"phase\": \"$2\""
}

node_is() # node, state
{
    blixardctl node show "$1" -o json 2>/dev/null | grep -q "\"state\": \"$2\""
}

still_running() # pid...: how many of them carry our directory
{
    local pid left=0
    for pid in "$@"; do
        if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir/"; then
            left=$((left + 1))
        fi
    done
    [ "$left" -gt 0 ]
}

all_answer_alike()
{
    local k text first=
    for k in 1 2 3; do
        text=$(blixardctl --addr "unix:$dir/n$k/blixard.sock" vm list -o json) || return 1
        [ "$k" -ne 1 ] || first=$text
        [ "$text" = "$first" ] || return 1
    done
}

wrong() # arguments...: exit code 2, error: and hint:, and nothing was made
{
    local out rc=0
    out=$("$cluster" "$@" --dir "$dir/wrong" 2>&1) || rc=$?
    [ "$rc" -eq 2 ] && grep -q '^error: ' <<<"$out" && grep -q '^hint: ' <<<"$out" && [ ! -e "$dir/wrong" ]
}
for words in "up --nodes 0" "up --nodes ten" "up --driver kvm" "up --base-port 65535" "up --wait soon" \
    "up --nodes" "stop-node"; do
    # shellcheck disable=SC2086 # words
    check "refused: $words" wrong $words
done
check "three nodes come up and take writes" "$cluster" up --dir "$dir" --nodes 3 --driver sim
eval "$("$cluster" addr --dir "$dir")"
pids=$(cat "$dir"/n?/pid)
[ "$(voters)" = 3 ]
result $? "an idle cluster has three voters"
check "up again changes nothing" "$cluster" up --dir "$dir"
[ "$(cat "$dir"/n?/pid)" = "$pids" ]
result $? "and starts nothing a second time"
taken=$(sed 's/.* //' "$dir/cluster")
! "$cluster" up --dir "$dir/other" --nodes 1 --driver sim --base-port "$taken" >>"$dir/log" 2>&1 &&
    [ ! -e "$dir/other/cluster" ]
result $? "ports that are taken are refused before anything is written"

check "a VM is created and runs" blixardctl vm create one --node n2 --disk 0
check "the leader is killed" "$cluster" kill-node n1 --dir "$dir"
check "the others take a write" blixardctl vm create two --node n3 --disk 0 --timeout 30s
check "what was acknowledged before is there" phase_is one running
check "the killed node comes back" "$cluster" start-node n1 --dir "$dir"
check "and is up" wait_until 30 node_is n1 up
check "all three tell the same" wait_until 30 all_answer_alike

pids="$pids $(cat "$dir"/n?/pid)"
check "all ends" "$cluster" down --dir "$dir"
# shellcheck disable=SC2086
! still_running $pids
result $? "no process is left"
echo "1..$n"
