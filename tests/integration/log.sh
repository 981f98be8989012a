#!/bin/bash
# Recorded events, asked for: of a file that a daemon left, and of the nodes of a cluster.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

gone() { ! kill -0 "$1" 2>/dev/null; }
pid_of() { cat "$dir/n$1/pid"; }
# query ARGUMENTS...: an exit code of 0, or of 1 with nothing but a missing end
q() { ctl log "$@" >"$dir/out" 2>"$dir/err"; }
n_lines() { wc -l <"$dir/out"; }

# refuse NAME ARGUMENTS...: usage, with a hint
refuse()
{
  local name=$1 rc=0
  shift
  q "$@" || rc=$?
  [ "$rc" -eq 2 ] && grep -q '^error: ' "$dir/err" && grep -q '^hint: ' "$dir/err"
  ok $? "$name is refused with a hint"
}

# --- a file ------------------------------------------------------------------------------
for k in 1 2 3; do ctl vm create "vm-$k" >/dev/null 2>&1; done
kill -SEGV "$(pid_of 3)"
wait_until 20 gone "$(pid_of 3)"
file=$(ls "$dir"/n3/recorder/crash-*.bxr)

q query "$file" --where signal=11 && [ "$(n_lines)" -eq 1 ] && grep -q ' error crash: fatal signal ' "$dir/out"
ok $? "a condition on a field selects"
q query "$file" --where 'n<3' --where msg=frame && [ "$(n_lines)" -eq 3 ]
ok $? "all conditions must hold"
q query "$file" --since 1h --until 2099-01-01 && [ "$(n_lines)" -gt 10 ]
ok $? "a time that is now selects"
q query "$file" --until 1h && [ "$(n_lines)" -eq 0 ]
ok $? "a time before does not"
q query "$file" -o csv --where 'n>=0' --where msg=frame --tail 2 &&
  [ "$(n_lines)" -eq 3 ] && head -n 1 "$dir/out" | grep -q '^time,origin,level,target,msg,trace,fields$' &&
  sed -n 2p "$dir/out" | grep -qE '^20[^,]+Z,,error,stack,frame,[0-9a-f]*,"?n=[0-9]+ '
ok $? "events as CSV"
q agg "$file" --by target,level -o json && grep -q '"target": "crash"' "$dir/out"
ok $? "groups as JSON"
q agg "$file" --by target --where msg=frame --field n --histogram &&
  grep -qE '^TARGET +COUNT +SUM +MIN +MEAN +P50 +P90 +P99 +MAX$' "$dir/out" &&
  grep -qE '^stack ' "$dir/out" && grep -q '^n of target=stack$' "$dir/out" &&
  grep -qE '^ +0 - .* #+ ' "$dir/out"
ok $? "groups with percentiles and a histogram"
q agg "$file" "$file" --filter off,crash=error --where msg='fatal signal' -o csv && sed -n 2p "$dir/out" | grep -qx 2
ok $? "several files are read one after the other"

refuse "a condition without an operator" query "$file" --where vm
refuse "a time that is none" query "$file" --since yesterday
refuse "a trace id that is none" query "$file" --trace 12
refuse "a filter that is none" query "$file" --filter loud
refuse "a histogram of nothing" agg "$file" --histogram
refuse "five terms to group by" agg "$file" --by a,b,c,d,e
refuse "YAML" query "$file" -o yaml
q query "$dir/none" ; [ $? -eq 5 ] && grep -q '^hint: ' "$dir/err"
ok $? "a file that is not there"

# --- progress ------------------------------------------------------------------------------
# on_tty ARGUMENTS...: with a terminal for the messages, which is in $dir/err, and a file for the rest
on_tty()
{
  python3 - "$dir/out" "$dir/err" "$build/blixardctl" log "$@" <<'END'
import os, pty, subprocess, sys

master, slave = pty.openpty()
with open(sys.argv[1], "wb") as out, open(sys.argv[2], "wb") as err:
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=out, stderr=slave)
    os.close(slave)
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        err.write(piece)
sys.exit(child.wait())
END
}
# shown: how far it has come was told, and at the end it was wiped away
shown() { grep -qF "$file:" "$dir/err" && grep -qE ' [ 0-9]{3} %' "$dir/err" && [ "$(tail -c 4 "$dir/err")" = $'\r\033[K' ]; }
if command -v python3 >/dev/null; then
  on_tty query "$file" && [ "$(n_lines)" -gt 10 ] && shown
  ok $? "a terminal sees how far a query has come"
  on_tty agg "$file" --by target && [ "$(n_lines)" -gt 1 ] && shown
  ok $? "and how far counting has"
  on_tty agg "$file" --by target --quiet && [ ! -s "$dir/err" ]
  ok $? "but not if it is to be quiet"
  q agg "$file" --by target && [ ! -s "$dir/err" ]
  ok $? "and a file does not"
else
  ok 0 "a terminal sees how far a query has come # SKIP python3 is not installed"
fi

# --- a file that ends while it is read -----------------------------------------------------
cp "$file" "$dir/short.bxr"
truncate -s -2000 "$dir/short.bxr"
! q agg "$dir/short.bxr" --by target && grep -qE '^error: .*short.bxr (is damaged|has no end)' "$dir/err" &&
  grep -q '^hint: ' "$dir/err" && [ "$(n_lines)" -gt 1 ]
ok $? "a file that was cut is told, and what is in it is counted"

# --- the nodes ---------------------------------------------------------------------------
q query --filter off,crash=error && grep -q '^warning: node n3 was not asked: ' "$dir/err"
ok $? "a node that is down is named, and the others are asked"
BLIXARDD_FLAGS="--log info,rafft=debug --log-sink console --log-sink journald:$dir/no-journal" \
  cluster up --nodes 3 --dir "$dir" --driver sim >"$dir/out" 2>&1
all_answer() { q query --tail 1 && ! grep -q warning "$dir/err"; }
wait_until 20 all_answer
ok $? "all nodes answer once it is back"
# With --disable-recorder many targets have no event, and no word is taken for a mistake.
grep -q -e '-DBX_LEVEL_COMPILED=6' "$build/Makefile" ||
  grep -q ' warning log: filter with an unknown word option=--log err=.*rafft.* hint=.*did you mean .*raft' "$dir/n3/log"
ok $? "a filter whose target no event has is told"
fails() { grep -q ' warning log: a sink fails sink=journald state="not connected"' "$dir/n3/log"; }
wait_until 20 fails
ok $? "and a journal that is not there"

q query -o csv --no-headers && for k in 1 2 3; do cut -d, -f2 "$dir/out" | grep -qx "n$k" || exit 9; done &&
  cut -d, -f1 "$dir/out" | LC_ALL=C sort -c
ok $? "events of all nodes, in the order of time"
q query --node n2 -o json && [ "$(n_lines)" -gt 0 ] && ! grep -v '"origin":"n2"' "$dir/out"
ok $? "events of one node"
q query --node 2 --tail 5 -o json && [ "$(grep -c '"origin":"n2"' "$dir/out")" -eq 5 ]
ok $? "also when its number is given"
q query --where msg~leader --tail 1 && [ "$(n_lines)" -eq 1 ] && grep -q ' n[123] ' "$dir/out"
ok $? "the newest event of all nodes that meets a condition"
q tail && [ "$(n_lines)" -eq 20 ]
ok $? "the newest events"
# There are no new ones of this level meanwhile.
q tail --filter info && cp "$dir/out" "$dir/tail" && q query --filter info --tail 20 && cmp -s "$dir/out" "$dir/tail"
ok $? "are those that a query has"
q agg --by origin -o csv && [ "$(n_lines)" -eq 4 ]
ok $? "events of all nodes by node"
BLIXARD_ADDR=$(socket 2) ctl log query --node n1 -o json >"$dir/out" 2>"$dir/err" && grep -q '"origin":"n1"' "$dir/out"
ok $? "a node asks another one"

"$build/blixardctl" log tail --follow --tail 1 >"$dir/followed" 2>"$dir/err" </dev/null &
follower=$!
begun() { [ "$(wc -l <"$dir/followed")" -ge 1 ]; }
wait_until 20 begun
ctl vm create followed >/dev/null 2>&1
more_came() { [ "$(wc -l <"$dir/followed")" -ge 2 ]; }
"$build/blixardctl" cluster token create >/dev/null 2>&1
kill -9 "$(pid_of 1)"
wait_until 30 more_came
ok $? "new events are followed, also when the node that was asked is gone"
kill -INT "$follower"
wait "$follower"
[ $? -eq 130 ]
ok $? "until it is interrupted"
[ "$(sort "$dir/followed" | uniq -d | wc -l)" -eq 0 ]
ok $? "no event comes twice"

refuse "a node and a file" query "$file" --node n1
refuse "more events than nodes give" tail --tail 1001
q query --node nowhere; [ $? -eq 5 ] && grep -q '^hint: ' "$dir/err"
ok $? "a node that is not there"
BLIXARD_ADDR=unix:$dir/none.sock q query; [ $? -eq 3 ] && grep -q '^hint: ' "$dir/err"
ok $? "nobody to ask"

finish
