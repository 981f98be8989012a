#!/bin/bash
# The data directory of a member is replaced by an older copy of itself: its daemon refuses to go on,
# and does again with the right one. Once for a follower, once for what was the leader.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
export BLIXARDD_FLAGS="--log debug"
up 3

ended() { ! kill -0 "$(cat "$dir/n$1/pid" 2>/dev/null)" 2>/dev/null; }
number_of() { status_of "$1" | sed -n "s/^ *\"$2\": \([0-9]*\).*/\1/p"; }
# One of the others has heard that K holds all that it has committed now.
is_heard() # K
{
  local committed
  committed=$(number_of "$1" commit_index)
  [ -n "$committed" ] && grep -q "a node told what it holds node=$1 term=[0-9]* index=$committed\$" "$dir"/n?/log
}
follower() { [ "$(leader 1)" = n3 ] && echo 2 || echo 3; }
others_agree() # K: the two that are not it
{
  case $1 in
    1) agree 2 3 ;;
    2) agree 1 3 ;;
    3) agree 1 2 ;;
  esac
}
named=0

# Copy the directory of K, write, and start it with the copy.
try() # K, what it is
{
  local k=$1
  cluster kill-node "n$k" --dir "$dir" >/dev/null 2>&1
  cp -a "$dir/n$k" "$dir/copy"
  cluster start-node "n$k" --dir "$dir" >"$dir/err" 2>&1
  wait_until 30 agree 1 2 3
  for _ in 1 2 3; do
    named=$((named + 1))
    ctl vm create "v$named" --disk 0 --no-start >"$dir/out" 2>"$dir/err" || break
  done
  wait_until 30 agree 1 2 3 && wait_until 30 is_heard "$k"
  ok $? "the others know what the $2, n$k, holds"
  cluster kill-node "n$k" --dir "$dir" >/dev/null 2>&1
  mv "$dir/n$k" "$dir/right" && mv "$dir/copy" "$dir/n$k"
  cluster start-node "n$k" --dir "$dir" >"$dir/out" 2>&1
  wait_until 30 grep -q 'older copy' "$dir/n$k/log" && wait_until 20 ended "$k"
  rc=$?
  tail -n 5 "$dir/n$k/log" >"$dir/out"
  ok $rc "with the copy its daemon ends"
  grep -q "error: $dir/n$k is an older copy: it has term [0-9]* and entry [0-9]*, and this node had told node [123]" \
    "$dir/n$k/log" && grep -q 'hint: .*--forget-cluster' "$dir/n$k/log"
  ok $? "and says why, and what to do"
  wait_until 30 others_agree "$k" && ctl vm list >"$dir/out" 2>"$dir/err"
  ok $? "the others go on"
  rm -rf "${dir:?}/n$k" && mv "$dir/right" "$dir/n$k"
  cluster start-node "n$k" --dir "$dir" >"$dir/err" 2>&1
  wait_until 30 agree 1 2 3
  ok $? "with the right one it is a member as before"
}

try "$(follower)" follower
try "$(leader 1 | tr -d n)" leader
finish
