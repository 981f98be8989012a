#!/bin/bash
# One trace id tells the whole of one request: on each node, from the API to the machine that runs.
# With QEMU, where it is there, so that driver and supervisor take part.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if grep -q -e '-DBX_LEVEL_COMPILED=6' "$build/Makefile"; then
  echo "1..0 # SKIP built with --disable-recorder: events of level debug are not recorded"
  exit 0
fi
export BLIXARDD_FLAGS="--log debug"
driver=sim
command -v qemu-system-x86_64 >/dev/null 2>&1 && driver=qemu
up 3 "$driver"

new_id() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
# traced K PATTERN: node K has recorded this within the trace
traced() { grep " trace=${trace:16}\$" "$dir/n$1/log" | grep -q -- "$2"; }
on_each() # PATTERN
{
  local k
  for k in 1 2 3; do traced "$k" "$1" || return 1; done
}

# --- what `log query --trace` tells ---------------------------------------------------
# ask K: node K is asked, which asks the others; the question is of no trace
ask()
{
  TRACEPARENT='' ctl --addr "$(socket "$1")" log query --trace "$trace" -o json >"$dir/told" 2>"$dir/err" && [ ! -s "$dir/err" ]
}
# told K TARGET PATTERN: how many events of this target node K has, which begin with the pattern
told() { grep "\"origin\":\"n$1\",.*\"target\":\"$2\",\"msg\":\"$3" "$dir/told" | grep -c .; }
# The revisions that events tell do not decrease, are two or more, and each is told by each node.
in_order()
{
  awk '
    match($0, /"revision":[0-9]+/) {
      revision = substr($0, RSTART + 11, RLENGTH - 11) + 0
      match($0, /"origin":"[^"]*"/)
      origin = substr($0, RSTART, RLENGTH)
      wrong += revision < last
      last = revision
      if (!((revision, origin) in seen)) nodes[revision]++
      seen[revision, origin] = 1
    }
    END {
      for (revision in nodes) { n++; wrong += nodes[revision] != 3 }
      exit wrong > 0 || n < 2
    }' "$dir/told"
}
told_in_order() { ask "$1" && in_order; }
# K: all that the request went through, as node K tells it
tells_the_way()
{
  local k
  wait_until 20 told_in_order "$1" || return 1
  for k in 1 2 3; do
    [ "$(told "$k" state 'applied","command":"vm.create"')" -eq 1 ] || return 1
  done
  [ "$(told "$follower" api 'called","method":"vm.create"')" -eq 1 ] &&
    [ "$(told "$follower" propose 'proposed","command":"vm.create"')" -eq 1 ] &&
    [ "$(told "$follower" propose 'relayed to the leader","command":"vm.create"')" -ge 1 ] &&
    [ "$(told "$leader" propose 'in an entry","command":"vm.create"')" -ge 1 ] &&
    [ "$(told "$node" vm 'starting"')" -eq 1 ] &&
    [ "$(told "$follower" api 'answered","method":"vm.create"')" -eq 1 ]
}
# The events of its supervisor, once each, from the node that runs it.
tells_the_supervisor()
{
  ask "$1" && [ "$(grep -c '"target":"shim"' "$dir/told")" -eq 2 ] &&
    [ "$(told "$node" driver 'starting its supervisor')" -eq 1 ] &&
    [ "$(told "$node" shim 'started QEMU"')" -eq 1 ] &&
    [ "$(told "$node" shim 'its run".*"state":"running"')" -eq 1 ]
}

trace=$(new_id)
export TRACEPARENT=00-$trace-00f067aa0ba902b7-01
leader=$(leader 1)
leader=${leader#n}
follower=$([ "$leader" = 3 ] && echo 2 || echo 3)
ctl --addr "$(socket "$follower")" vm create web --memory 64MiB --disk 0 --timeout 60s -v \
  >"$dir/out" 2>"$dir/err"
ok $? "a virtual machine is created, through a follower"
grep -q "^trace id: $trace\$" "$dir/err"
ok $? "-v tells the trace id of TRACEPARENT"
node=$(ctl vm show web -o json | field node)
node=${node#n}
traced "$follower" 'debug api: called method=vm.create ' &&
  traced "$follower" 'debug propose: proposed command=vm.create ' &&
  traced "$follower" 'debug api: answered method=vm.create '
ok $? "the node that was asked: called, proposed, answered"
wait_until 20 on_each 'debug state: applied command=vm.create .*code=ok'
ok $? "each node: applied"
wait_until 20 on_each "debug sched: placed vm=web node=$node"
ok $? "each node: placed"
wait_until 20 traced "$node" 'debug vm: starting vm=web ' && wait_until 20 traced "$node" 'debug vm: observed .*state=running'
ok $? "the node that runs it: started, running"
wait_until 20 on_each 'debug state: applied command=vm.report .*code=ok'
ok $? "each node: its report is applied within the same trace"
if [ "$driver" = qemu ]; then
  traced "$node" 'debug driver: starting its supervisor' && traced "$node" 'debug driver: observed .*state=running'
  ok $? "the driver takes part"
  cat "$dir/n$node"/vms/*/shim.log >"$dir/out"
  grep "trace=${trace:16}\$" "$dir/out" | grep -q 'target=shim msg="its run" .*state=running'
  ok $? "so does the supervisor"
fi
for k in 1 2 3; do
  tells_the_way "$k"
  ok $? "n$k tells all of it, in the order of revisions"
  [ "$driver" = sim ] || { tells_the_supervisor "$k"; ok $? "n$k tells what the supervisor did"; }
done
# Other requests have other traces.
[ "$(grep -h " trace=${trace:16}\$" "$dir"/n?/log | grep -c 'vm.delete')" -eq 0 ]
ok $? "nothing else is in it"
unset TRACEPARENT
ctl vm delete web --yes -v >"$dir/out" 2>"$dir/err"
ok $? "without TRACEPARENT"
trace=$(sed -n 's/^trace id: //p' "$dir/err")
[ "${#trace}" -eq 32 ] && wait_until 20 on_each 'debug state: applied command=vm.delete .*code=ok'
ok $? "the trace id is a random one, which -v tells"
ended() { ask 1 && [ "$(told "$node" shim 'QEMU has ended"')" -eq 1 ]; }
[ "$driver" = sim ] || { wait_until 20 ended; ok $? "it is that of what the supervisor did for it"; }
deleted=$trace

# --- what blixardctl tells of itself ----------------------------------------------------
BLIXARD_LOG=debug ctl vm create own --memory 64MiB --disk 0 --timeout 60s >"$dir/out" 2>"$dir/err"
ok $? "blixardctl with BLIXARD_LOG"
trace=$(sed -n 's/.* debug client: calling method=vm\.create .* trace_id=\([0-9a-f]*\) .*/\1/p' "$dir/err")
[ "${#trace}" -eq 32 ] && ! grep '^20[0-9T:.-]*Z ' "$dir/err" | grep -qv " trace=${trace:16}\$"
ok $? "each of its events has the trace id that it sends"
grep -q ' debug cli: running command="vm create" addr=unix:' "$dir/err" &&
  grep -q ' debug client: posting method=sys.done ' "$dir/err" &&
  grep -q ' debug client: connected address=unix:' "$dir/err" &&
  grep -q ' debug client: called method=vm\.create id=.* request_id=[0-9a-f]\{32\} code=ok duration_ns=' "$dir/err" &&
  tail -n 1 "$dir/err" | grep -q ' info cli: exit code=0 '
ok $? "they tell the connection, the request and the end"
wait_until 20 on_each 'debug state: applied command=vm.create .*code=ok'
ask 1 && [ "$(grep -c '"target":"api","msg":"called","method":"vm.create"' "$dir/told")" -eq 1 ] &&
  [ "$(told 2 state 'applied","command":"vm.create"')" -eq 1 ]
ok $? "log query --trace with that id finds what the nodes did for it"
BLIXARD_LOG=trace ctl cluster token create >"$dir/out" 2>"$dir/err"
grep -q 'method=cluster.token_create ' "$dir/err" && [ -s "$dir/out" ] && ! grep -qF "$(head -n 1 "$dir/out")" "$dir/err"
ok $? "a token that is answered is in none of them"

# --- from the recorder of a daemon that has died ----------------------------------------
trace=$deleted
there() { ls "$dir"/n1/recorder/crash-*.bxr >/dev/null 2>&1; }
kill -SEGV "$(cat "$dir/n1/pid")"
wait_until 20 there
ctl log query "$dir"/n1/recorder/crash-*.bxr --trace "$trace" -o json >"$dir/out" 2>"$dir/err" &&
  grep -q '"msg":"applied","command":"vm.delete"' "$dir/out" && ! grep -q 'vm.create' "$dir/out"
ok $? "the recorder's file tells the same"
finish
