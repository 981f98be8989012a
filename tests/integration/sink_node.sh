#!/bin/bash
# A log that another node keeps: what a host did is known when it is gone.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if grep -q -e '-DBX_LEVEL_COMPILED=6' "$build/Makefile"; then
  echo "1..0 # SKIP built with --disable-recorder: events of level debug are not recorded"
  exit 0
fi
export BLIXARDD_FLAGS="--log debug --log-sink console --log-sink node:n2"
up 3

state() { ctl log level --node "$1" 2>/dev/null | grep -q "^node  *debug  *$2"; }
of() { ctl log query --of "$@" >"$dir/out" 2>"$dir/err"; }
says() { of "$1" -o json && grep -q "\"origin\":\"$1\".*$2" "$dir/out"; }
kept() { find "$dir/n2/recorder/from" -name 'log-*.bxr' 2>/dev/null | grep -q .; }

# --- sending ---------------------------------------------------------------------------
wait_until 20 state n1 ok
ok $? "a node sends its log to another one"
state n2 "the node does not take it"
ok $? "which can not send its own to itself, and says so"
ctl --addr "$(socket 3)" vm create remembered --no-start >/dev/null 2>&1
wait_until 20 says n3 '"method":"vm.create"'
ok $? "what it did is found there"
[ "$(find "$dir/n2/recorder/from" -mindepth 1 -perm /077 | wc -l)" -eq 0 ]
ok $? "files and directories are of their owner alone"
sound() { find "$dir/n2/recorder/from" -name 'log-*.bxr' -exec "$build/blixardctl" log query {} \; >/dev/null 2>"$dir/err"; ! grep -q damaged "$dir/err"; }
kept && sound
ok $? "each is a file of the recorder without damage"

# --- following it ----------------------------------------------------------------------
"$build/blixardctl" log tail --follow --of n3 -o json --addr "$(socket 1)" \
  >"$dir/followed" 2>"$dir/follow.err" </dev/null &
follower=$!
follows() { grep -q "$1" "$dir/followed"; }
wait_until 20 follows '"origin":"n3"'
ok $? "such a log can be followed"
called() { [ "$(grep -c '"method":"tenant.create"' "$dir/followed")" -ge "$1" ]; }
for k in 1 3; do # a call and its answer each
  ! called "$k" && ctl --addr "$(socket 3)" tenant create "t$k" >/dev/null 2>&1
  wait_until 20 called "$k"
  ok $? "new events of it are printed"
done
kill -0 "$follower"
ok $? "until it is interrupted"
kill -INT "$follower"
wait "$follower"
[ $? -eq 130 ] && [ ! -s "$dir/follow.err" ]
ok $? "as with Ctrl-C"
LC_ALL=C sort "$dir/followed" | uniq -d >"$dir/twice"
[ ! -s "$dir/twice" ]
ok $? "and no event comes twice"

# --- the host is lost ------------------------------------------------------------------
cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
says n3 '"method":"vm.create"' && grep -q '"msg":"' "$dir/out"
ok $? "the log of a node that was killed is there"
of n3 --filter off,api=debug && grep -q ' api: ' "$dir/out" && ! grep -q ' raft: ' "$dir/out"
ok $? "and can be filtered"
ctl log agg --of n3 --by target >"$dir/out" 2>/dev/null && grep -q '^api ' "$dir/out"
ok $? "and counted"
ctl log query "$dir/none.bxr" --of n3 >/dev/null 2>"$dir/err"
[ $? -eq 2 ] && grep -q 'hint: leave out --of' "$dir/err"
ok $? "of a file, it makes no sense"
of nobody
[ $? -eq 5 ] && grep -q 'no node "nobody"' "$dir/err"
ok $? "a node that there is not"
[ "$(ctl log query --of n1 --tail 7 2>/dev/null | wc -l)" -eq 7 ]
ok $? "the last events of it"

# --- the one that keeps it is lost -----------------------------------------------------
cluster start-node n3 --dir "$dir" >/dev/null 2>&1
wait_until 30 state n3 ok
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
wait_until 30 state n1 "the node is not reachable"
ok $? "a sink tells when the node can not be reached"
ctl vm create meanwhile --no-start >/dev/null 2>&1
rm -rf "$dir/n2/recorder/from"
cluster start-node n2 --dir "$dir" >/dev/null 2>&1
wait_until 90 says n1 '"method":"vm.create"'
ok $? "and goes on when it is back, with what was recorded meanwhile, though the files are gone"
ctl node list >/dev/null 2>&1
ok $? "while the cluster works"
finish
