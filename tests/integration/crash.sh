#!/bin/bash
# shellcheck disable=SC2154 # build and dir are set by cluster.sh
# Three daemons: the leader is killed under load, then all are killed at once. What was acknowledged
# is there on every member, once, and every member agrees.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

# --- the leader dies halfway through a thousand creates of sixteen clients ---------

"$build/blixardctl" bench --start --keep --prefix vm --clients 16 --count 1000 \
  --acked "$dir/acked.tmp" >"$dir/out" 2>"$dir/err" &
load=$!
half() { [ "$(ctl --addr "$(socket 1)" --consistency stale -q vm list --no-headers 2>/dev/null | wc -l)" -ge 300 ]; }
wait_until 30 half
ok $? "a part of the thousand is there"
first=$(leader 1)
cluster kill-node "n$first" --dir "$dir" >/dev/null 2>&1
others=()
for k in 1 2 3; do [ "$k" = "$first" ] || others+=("$k"); done
wait "$load"
ok $? "no client saw anything but success or an error to try again"
[ "$(wc -l <"$dir/acked.tmp")" -eq 1000 ]
ok $? "all thousand were acknowledged"
new_leader() { local l; l=$(leader "${others[0]}"); [ -n "$l" ] && [ "$l" != "$first" ]; }
wait_until 10 new_leader
ok $? "another member leads"
cluster start-node "n$first" --dir "$dir" >/dev/null 2>&1
wait_until 20 agree 1 2 3
ok $? "all three agree again"
for k in 1 2 3; do
  ctl --addr "$(socket "$k")" vm list --no-headers -o json | sed -n 's/^ *"name": "\(.*\)",/\1/p' |
    sort >"$dir/names.$k"
  sort "$dir/acked.tmp" | comm -23 - "$dir/names.$k" >"$dir/lost.$k"
  [ ! -s "$dir/lost.$k" ]
  ok $? "nothing acknowledged is missing on n$k"
  [ -z "$(uniq -d "$dir/names.$k")" ]
  ok $? "nothing is there twice on n$k"
done

# --- all three die at once ------------------------------------------------------------
none_starting() { ! ctl --addr "$(socket 1)" vm list --no-headers | grep -qE 'creating|starting'; }
wait_until 30 none_starting
all_run() { ctl --addr "$(socket 1)" node list --no-headers | grep -qvE ' up ' && return 1
  ! ctl --addr "$(socket 1)" vm list --no-headers | grep -qv running; }
wait_until 30 all_run
ok $? "everything runs, and every node is up"
# What users see of the machines; whether a node was slow to come back is another matter.
machines() { ctl --addr "$(socket 1)" vm list -o json | grep -E '"(name|uuid|phase|node|epoch|modified_index)"'; }
machines >"$dir/before"
for k in 1 2 3; do cluster kill-node "n$k" --dir "$dir" >/dev/null 2>&1; done
began=$(date +%s%N)
for k in 1 2 3; do cluster start-node "n$k" --dir "$dir" >/dev/null 2>&1 & done
wait
quorum() { status_of 1 | grep -q '"quorum": true' && status_of 2 | grep -q '"quorum": true' &&
  status_of 3 | grep -q '"quorum": true'; }
wait_until 20 quorum
ok $? "the cluster is back"
echo "# back after $((($(date +%s%N) - began) / 1000000)) ms"
wait_until 20 agree 1 2 3
ok $? "the three agree"
same() { machines | cmp -s - "$dir/before"; }
same
ok $? "with the same state"
wait_until 30 all_run
ok $? "every virtual machine runs on, and every node is up"
same
ok $? "and the state is still the same"
ctl vm create after-all >"$dir/out" 2>"$dir/err"
ok $? "a virtual machine can be created"
finish
