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

trace=$(new_id)
export TRACEPARENT=00-$trace-00f067aa0ba902b7-01
follower=$([ "$(leader 1)" = n3 ] && echo 2 || echo 3)
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
# Other requests have other traces.
[ "$(grep -h " trace=${trace:16}\$" "$dir"/n?/log | grep -c 'vm.delete')" -eq 0 ]
ok $? "nothing else is in it"
unset TRACEPARENT
ctl vm delete web --yes -v >"$dir/out" 2>"$dir/err"
ok $? "without TRACEPARENT"
trace=$(sed -n 's/^trace id: //p' "$dir/err")
[ "${#trace}" -eq 32 ] && wait_until 20 on_each 'debug state: applied command=vm.delete .*code=ok'
ok $? "the trace id is a random one, which -v tells"

# --- from the recorder of a daemon that has died ----------------------------------------
there() { ls "$dir"/n1/recorder/crash-*.bxr >/dev/null 2>&1; }
kill -SEGV "$(cat "$dir/n1/pid")"
wait_until 20 there
ctl log query "$dir"/n1/recorder/crash-*.bxr --trace "$trace" -o json >"$dir/out" 2>"$dir/err" &&
  grep -q '"msg":"applied","command":"vm.delete"' "$dir/out" && ! grep -q 'vm.create' "$dir/out"
ok $? "the recorder's file tells the same"
finish
