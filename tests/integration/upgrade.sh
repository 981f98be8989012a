#!/bin/bash
# usage: upgrade.sh OLD, where OLD is the build directory of an earlier commit: make check-upgrade OLD=...
# Data directories that its programs wrote are opened by those of this build; and a cluster is upgraded
# one node at a time, while old and new daemons work together. What was there is there afterwards.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
new=$build
old=$(cd "${1:?usage: upgrade.sh OLD}" && pwd)
for program in blixardd blixardctl blixard-vm; do
  [ -x "$old/$program" ] || { echo "Bail out! no $program in $old"; exit 99; }
done

# All that a client can see of the machines but for what changes by itself, and what happened to them.
write_picture() # file
{
  ctl vm list -o json 2>"$dir/err" | grep -vE '"(observed|uptime|age|node_state|changed)[a-z_]*":' >"$1.vms"
  ctl events -o json 2>"$dir/err" >"$1.events"
}

restart_on() # build, nodes...
{
  local k
  build=$1
  shift
  for k in "$@"; do cluster stop-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
  for k in "$@"; do cluster start-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
}

writes() { ctl --timeout 5s cluster token create >/dev/null 2>&1; }
serves_as() # node, build: the daemon that runs as this node is that build's
{
  [ "$(readlink "/proc/$(cat "$dir/n$1/pid")/exe")" = "$2/blixardd" ]
}
vms() { ctl vm list -o name 2>/dev/null | sort | tr '\n' ' '; }
vms_are() { [ "$(vms)" = "$1" ]; }

# --- a life under the old programs ------------------------------------------------------
build=$old
BLIXARDD_FLAGS="--snapshot-bytes 20000"
export BLIXARDD_FLAGS
up 3
for k in 1 2 3 4 5 6; do
  ctl vm create "old$k" --vcpus 1 --memory 64MiB --disk 1GiB --label "rank=$k" --wait >/dev/null 2>"$dir/err" ||
    break
done
ok $? "the old programs make virtual machines"
ctl vm stop old2 --force --wait >/dev/null 2>&1 && ctl vm delete old3 --yes --wait >/dev/null 2>"$dir/err"
ok $? "stop one and delete one"
for ((k = 0; k < 200; k++)); do ctl cluster token create >/dev/null 2>&1; done
names="old1 old2 old4 old5 old6 "
wait_until 20 vms_are "$names" && wait_until 20 agree 1 2 3
ok $? "and agree"
write_picture "$dir/before"

# --- all at once ---------------------------------------------------------------------------
restart_on "$new" 1 2 3
wait_until 60 writes && serves_as 1 "$new" && serves_as 2 "$new" && serves_as 3 "$new"
ok $? "the new programs open the data of the old ones"
wait_until 20 agree 1 2 3
ok $? "and agree on it"
write_picture "$dir/after"
diff "$dir/before.vms" "$dir/after.vms" >"$dir/out"
ok $? "every virtual machine is there, with the same values"
[ -s "$dir/before.events" ] && ! grep -vxFf "$dir/after.events" "$dir/before.events" >"$dir/out"
ok $? "every event is there"
ctl vm start old2 --wait >"$dir/out" 2>"$dir/err" && ctl vm create new1 --vcpus 1 --memory 64MiB --wait >"$dir/out" 2>"$dir/err"
ok $? "they go on from there"

# --- back, and then one at a time ------------------------------------------------------------
cluster down --dir "$dir" --wipe >/dev/null 2>&1
mkdir -p "$dir"
build=$old
up 3
ctl vm create old1 --vcpus 1 --memory 64MiB --label rank=1 --wait >"$dir/out" 2>"$dir/err"
ok $? "another cluster of the old programs has a virtual machine"
names="old1 "
for k in 1 2 3; do
  restart_on "$new" "$k"
  wait_until 60 writes && serves_as "$k" "$new"
  ok $? "n$k is a new daemon now, and the cluster accepts writes"
  ctl vm create "mixed$k" --vcpus 1 --memory 64MiB --wait >"$dir/out" 2>"$dir/err"
  ok $? "a virtual machine is made among old and new"
  names="mixed$k $names"
  names=$(printf '%s\n' $names | sort | tr '\n' ' ')
  wait_until 20 agree 1 2 3 && vms_are "$names"
  ok $? "all three agree on what there is"
done
# Until the feature level is raised, each step can be taken back.
for k in 1 2 3; do
  restart_on "$old" "$k"
  wait_until 60 writes && serves_as "$k" "$old"
  ok $? "n$k is an old daemon again, and the cluster accepts writes"
  wait_until 20 agree 1 2 3 && vms_are "$names"
  ok $? "all three agree on what there is"
done
for k in 1 2 3; do restart_on "$new" "$k"; done
build=$new
wait_until 60 writes
ok $? "and forward again"
if ctl user create later --role viewer >"$dir/out" 2>"$dir/err"; then
  false
else
  grep -q 'upgrade finalize' "$dir/err"
fi
ok $? "what only the new build can do is refused"
finalize() { ctl cluster upgrade finalize >"$dir/out" 2>"$dir/err"; }
wait_until 20 finalize &&
  ctl user create later --role viewer >"$dir/out" 2>"$dir/err" &&
  ctl vm create later --vcpus 1 --memory 64MiB --metadata a=b >"$dir/out" 2>"$dir/err"
ok $? "until the feature level is raised"
"$old/blixardctl" vm list -o name </dev/null >"$dir/out" 2>"$dir/err" && [ "$(wc -l <"$dir/out")" -eq 5 ]
ok $? "an old client is served by the new daemons"
finish
