#!/bin/bash
# The places that calls of the command line take in the table of sessions: one under an id that it made
# up gives its place back, one under an id that was given keeps it, and what is refused takes none.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

id=00000000000000000000000000000001
count() # member of the sessions, of node 1
{
  ctl --addr "$(socket 1)" mem stats -o json 2>"$dir/err" |
    awk -v member="\"$1\":" '
      $1 == "\"sessions\":" { inside = 1 }
      inside && $1 == member { sub(/,$/, "", $2); print $2; exit }'
}
# Beside those of the bootstrap: hosts that joined, and node 1 for calls without an id.
held() { [ "$(count held)" = $((base + $1)) ]; }

wait_until 20 agree 1 2 3
base=$(count held)
[ -n "$base" ] && [ "$base" -lt 20 ]
ok $? "hardly any are held at first ($base)"
failed=0
for k in $(seq 40); do
  ctl --addr "$(socket $((k % 3 + 1)))" vm create "v$k" --disk 0 --no-start >"$dir/out" 2>"$dir/err" || failed=1
done
ok $failed "40 creates"
wait_until 20 held 0
ok $? "all their places are given back"
ctl vm create waited --disk 0 >"$dir/out" 2>"$dir/err"
ok $? "a create that waits for its VM"
wait_until 20 held 0
ok $? "gives its place back, too"

ctl vm create kept --disk 0 --no-start --request-id $id >"$dir/out" 2>"$dir/err"
ok $? "a create under an id of ours"
ctl vm delete v1 --yes >"$dir/out" 2>"$dir/err"
ctl vm delete nothing --yes >"$dir/out" 2>"$dir/err"
[ $? -eq 5 ]
ok $? "another call, and one that is refused"
both() { held 1 && [ "$(count spare)" = 0 ]; }
wait_until 20 both
ok $? "only ours is held"
ctl vm delete kept --yes >"$dir/out" 2>"$dir/err" &&
  ctl vm create kept --disk 0 --no-start --request-id $id >"$dir/out" 2>"$dir/err"
ok $? "its repeat has the first answer"
! ctl vm show kept >"$dir/out" 2>"$dir/err"
ok $? "and creates nothing"

ctl bench --count 50 --clients 4 >"$dir/out" 2>"$dir/err"
ok $? "a benchmark"
wait_until 20 held 1
ok $? "gives its places back"
wait_until 20 agree 1 2 3
ok $? "all agree"
finish
