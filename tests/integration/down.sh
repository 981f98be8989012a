#!/bin/bash
# What is down looks down: the virtual machines of a node that does not answer, the member that it is,
# and, without a quorum, the nodes that are missing.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

# run CODE COMMAND...: runs it, and says whether the exit code is this one
run()
{
  local want=$1 rc=0
  shift
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
  [ "$rc" -eq "$want" ]
}
only() { BLIXARD_ADDR=$(for k in "$@"; do socket "$k"; done | paste -sd,); }
phase() { ctl vm show "$1" -o json "${@:2}" 2>/dev/null | field phase; }
is() { [ "$(phase "$1")" = "$2" ]; }
# What SQL says of a machine; how many are in a phase, in a list and by the metrics of n1.
in_sql() { ctl sql "SELECT phase FROM vms WHERE name = '$1'" -o csv "${@:2}" 2>/dev/null | tail -n 1; }
listed() { ctl vm list --consistency stale -o json 2>/dev/null | grep -c "\"phase\": \"$1\""; }
counted() { http /metrics 1 2>/dev/null | sed -n "s/^blixard_vms{phase=\"$1\"} //p"; }
has_metrics=$(counted running)
# counted_alike WHAT: metrics count what the list shows, and something is unknown.
counted_alike()
{
  local phase differs=0
  if [ -z "$has_metrics" ]; then
    ok 0 "$1 # SKIP built without metrics"
    return
  fi
  for phase in unknown running stopped; do
    [ "$(listed $phase)" -gt 0 ] && [ "$(counted $phase)" = "$(listed $phase)" ] || differs=1
  done
  ok $differs "$1"
}

for node in n1 n3; do ctl vm create "on-$node" --node "$node" --disk 0 --wait >/dev/null; done
ctl vm create aside --node n3 --disk 0 --wait >/dev/null
ctl vm create idle --node n3 --disk 0 --no-start >/dev/null
run 0 ctl vm list && ! grep -q SINCE "$dir/out"
ok $? "a list in which all is known has no column for since when it is not"

# --- one node is down ------------------------------------------------------------------
cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
only 1 2
unreachable() { ctl cluster members -o json | tr -d ' \n' | grep -q '"name":"n3",[^}]*"status":"unreachable"'; }
wait_until 15 unreachable
ok $? "a member that does not answer is unreachable"
run 0 ctl cluster status && ! grep -q ' n3 .* up ' "$dir/out" && grep -q ' n3 .* unreachable ' "$dir/out"
ok $? "the status does not call it up"
wait_until 60 is on-n3 unknown
run 0 ctl vm list -o json
ok $? "a virtual machine on a node that is down is unknown"
tr -d ' \n' <"$dir/out" | grep -q '"name":"on-n3",[^}]*"phase":"unknown",.*"unknown_since_ms":1[0-9]*,"last_phase":"running"'
ok $? "with the time since when, and the phase before"
is on-n1 running && is idle stopped
ok $? "one elsewhere runs, and one that is stopped there is stopped"
[ "$(in_sql on-n3)" = unknown ] && [ "$(in_sql on-n1)" = running ] && [ "$(in_sql idle)" = stopped ]
ok $? "SQL says the same"
counted_alike "and metrics count them so"
run 0 ctl vm list && grep -q '^NAME .* SINCE' "$dir/out" && grep -q '^on-n3 *unknown .* [0-9]*[smh]$' "$dir/out"
ok $? "the list has a column for it"
run 0 ctl vm show on-n3 && grep -q '^unknown_since *20[0-9-]*T' "$dir/out"
ok $? "shown alone, the time can be read"
run 0 ctl node show n3 -o json && grep -q '"state": "down"' "$dir/out" && grep -q '"state_since_ms": 1[0-9]*' "$dir/out"
ok $? "a node tells since when it is down"

begin=$SECONDS
run 1 ctl vm stop aside && grep -q 'on node n3, which is down: it will be stopped when n3 is back$' "$dir/err"
ok $? "who waits for a virtual machine of a node that is down is told at once"
run 5 ctl vm stop nobody && run 5 ctl vm delete nobody --yes
ok $? "and so is who waits for one that there is not"
[ $((SECONDS - begin)) -lt 30 ] # a wait is 75 s
ok $? "at once"
# --- no quorum -------------------------------------------------------------------------
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
only 1
run 7 ctl vm list --timeout 3s && grep -q '^error: no quorum: n2 and n3 do not answer$' "$dir/err"
ok $? "a read says who does not answer"
run 7 ctl vm create lonely --disk 0 --timeout 1s && grep -q '^error: no quorum: n2 and n3 do not answer; ' "$dir/err"
ok $? "a write says it"
for words in "vm show on-n1" "node list" "node remove n3" "cluster token create" "sql SELECT+1" "vm logs on-n1" "events"; do
  # shellcheck disable=SC2086 # words
  set -- $words
  run 7 ctl "${@//+/ }" --timeout 1s && grep -q 'n2 and n3 do not answer' "$dir/err"
  ok $? "so does $words"
done
run 0 ctl node list --consistency stale -o json
[ "$(grep -c '"state": "\(down\|unreachable\)"' "$dir/out")" -eq 2 ]
ok $? "a stale list of nodes shows neither as up"
ctl vm create on-n2 --node n2 --disk 0 --timeout 1s >/dev/null 2>&1
cluster start-node n2 --dir "$dir" >/dev/null 2>&1
only 1 2
wait_until 30 is on-n2 running || ctl vm create on-n2 --node n2 --disk 0 --timeout 30s >/dev/null 2>&1
wait_until 10 is on-n2 running
ok $? "what waited for the quorum goes on with it"
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
only 1
stale_unknown() { [ "$(phase on-n2 --consistency stale)" = unknown ]; }
wait_until 20 stale_unknown
ok $? "without a quorum a machine on a node that does not answer is unknown in a stale read"
[ "$(phase on-n1 --consistency stale)" = running ]
ok $? "and one of this host runs"
[ "$(in_sql on-n2 --consistency stale)" = unknown ] && [ "$(in_sql on-n1 --consistency stale)" = running ]
ok $? "SQL says the same without a quorum"
counted_alike "and metrics count them so without a quorum"

# --- they come back ----------------------------------------------------------------------
cluster start-node n2 --dir "$dir" >/dev/null 2>&1
cluster start-node n3 --dir "$dir" >/dev/null 2>&1
only 1 2 3
wait_until 60 is on-n3 running
run 0 ctl vm show on-n3 -o json && ! grep -q unknown_since "$dir/out"
ok $? "back with its node, it runs, and nothing is unknown"
run 0 ctl cluster status && ! grep -q unreachable "$dir/out"
ok $? "all members answer"
finish
