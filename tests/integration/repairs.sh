#!/bin/bash
# A daemon mends damage at its start: its log warns, and so does doctor; once for each damage.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 1

repaired() { ctl events --type node.repaired --no-headers 2>/dev/null; }
count_is() { [ "$(repaired | wc -l)" -eq "$1" ]; }
# damage FILE OFFSET: while the daemon is stopped, so that nothing of the file is elsewhere
damage()
{
  cluster stop-node n1 --dir "$dir" >/dev/null 2>&1
  printf 'damage' | dd of="$dir/n1/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
  cluster start-node n1 --dir "$dir" >"$dir/err" 2>&1
}

ctl doctor >"$dir/out" 2>"$dir/err"
[ $? -eq 0 ] && ! grep -q repairs "$dir/out"
ok $? "a healthy cluster has no repairs"
damage vote 4100
wait_until 30 count_is 1
ok $? "a damaged copy of the vote is an event"
repaired | grep -q ' n1 .*vote$'
ok $? "it names the node and what was damaged"
grep -q 'warning .*one of the two copies of its vote was damaged' "$dir/n1/log"
ok $? "it is a warning in the log"
damage state.db 0
wait_until 30 count_is 2
ok $? "so is a damaged state.db"
ctl doctor >"$dir/out" 2>"$dir/err"
grep -q '^repairs *warning .*2 in seven days: n1: vote (20.*), n1: state.db (20.*); check the disk' "$dir/out"
ok $? "doctor warns of both"
cluster kill-node n1 --dir "$dir" >/dev/null 2>&1
cluster start-node n1 --dir "$dir" >"$dir/err" 2>&1
ready() { ctl vm create after --disk 0 --no-start >"$dir/out" 2>"$dir/err"; }
wait_until 30 ready && count_is 2
ok $? "a start without damage adds nothing"
finish
