#!/bin/bash
# shellcheck disable=SC2154 # build and dir are set by cluster.sh
# A member that was away longer than the log reaches back gets a snapshot, and then agrees; so does
# one whose state database was taken away.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
export BLIXARDD_FLAGS="--snapshot-bytes 100000"
up 3

cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
ctl bench --start --keep --prefix vm --addr "$(socket 1),$(socket 2)" --count 1500 \
  >"$dir/out" 2>"$dir/err"
ok $? "1,500 virtual machines while n3 is away"
snapshot_there() { [ "$(status_of 1 | field snapshot_index)" -gt 0 ]; }
wait_until 20 snapshot_there
ok $? "a snapshot was taken"
cluster start-node n3 --dir "$dir" >/dev/null 2>&1
wait_until 90 agree 1 2 3
ok $? "all three agree"
grep -q 'installed the snapshot' "$dir/n3/log"
ok $? "n3 got it as a snapshot"

cluster stop-node n2 --dir "$dir" >/dev/null 2>&1
rm -f "$dir"/n2/state.db*
cluster start-node n2 --dir "$dir" >/dev/null 2>&1
wait_until 90 agree 1 2 3
ok $? "a lost state database is rebuilt from snapshot and log"
ctl vm create after-all >"$dir/out" 2>"$dir/err"
ok $? "a virtual machine can be created"
finish
