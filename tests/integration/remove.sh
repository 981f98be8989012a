#!/bin/bash
# A member is lost for good: it is taken out of the cluster, its virtual machine is started elsewhere,
# and its host forgets the cluster, keeps its disks, and joins under a new id.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

ctl vm create web --node n3 --vcpus 1 --memory 128MiB --wait >"$dir/out" 2>"$dir/err"
ok $? "a virtual machine runs on n3"
ctl vm create bare --node n3 --vcpus 1 --memory 64MiB --disk 0 --wait >"$dir/out" 2>"$dir/err" &&
  ctl vm create scratch --node n3 --vcpus 1 --memory 64MiB --disk-ephemeral --wait >"$dir/out" 2>"$dir/err" &&
  ctl vm create unborn --node n3 --vcpus 1 --memory 64MiB --no-start >"$dir/out" 2>"$dir/err"
ok $? "and three without a disk that counts: none, ephemeral, never started"
ctl node remove n3 >"$dir/out" 2>"$dir/err"
[ $? -eq 6 ] && grep -q 'error: node "n3" is up' "$dir/err" && grep -q 'hint: stop its daemon' "$dir/err"
ok $? "a node that is up stays"
cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
BLIXARD_ADDR=$(socket 1),$(socket 2)
down() { ctl node list --no-headers | grep -q ' n3 *down'; }
wait_until 60 down
ok $? "a node without its daemon counts as down"
ctl node remove n3 >"$dir/out" 2>"$dir/err"
[ $? -eq 6 ] && grep -q -- '--confirm-dead' "$dir/err"
ok $? "a virtual machine that may still run is in the way"
ctl node remove n3 --confirm-dead >"$dir/out" 2>"$dir/err"
ok $? "the operator's word takes the node out"
two_members() { [ "$(ctl cluster members --no-headers | wc -l)" -eq 2 ]; }
wait_until 10 two_members
ok $? "two members are left"
grep -q 'raft: node removed from the Raft configuration node=3$' "$dir"/n[12]/log
ok $? "the log of the leader says so"
ctl vm show web -o json >"$dir/out" 2>"$dir/err"
grep -q '"phase": "failed"' "$dir/out"
ok $? "its virtual machine rests"
ctl vm start web >"$dir/out" 2>"$dir/err"
[ $? -eq 6 ] && grep -q 'error: the disk of VM "web" is lost' "$dir/err" && grep -q -- '--discard-disk' "$dir/err"
ok $? "it gets no empty disk instead of its own, unasked"
ctl vm restart web >"$dir/out" 2>"$dir/err"
[ $? -eq 6 ] && ctl vm show web -o json | grep -q '"phase": "failed"'
ok $? "nor by a restart"
ctl vm start bare --wait >"$dir/out" 2>"$dir/err" && ctl vm start scratch --wait >"$dir/out" 2>"$dir/err" &&
  ctl vm start unborn --wait >"$dir/out" 2>"$dir/err"
ok $? "those that lose nothing are started"
ctl vm start web --discard-disk --wait >"$dir/out" 2>"$dir/err" && ctl vm show web -o json >"$dir/out" &&
  grep -qE '"node": "n[12]"' "$dir/out"
ok $? "and is started on another node"

# --- the host comes back -------------------------------------------------------------
cluster start-node n3 --dir "$dir" >"$dir/err" 2>&1
removed() { status_of 3 | grep -q '"status": "removed"'; }
wait_until 60 removed
told=$?
tail -n 15 "$dir/n3/log" >"$dir/out"
ok $told "with its old disk it learns that it was removed"
status_of 3 >"$dir/out"
[ "$(sed -n '/"still_running"/,/]/p' "$dir/out" | grep -cE '"(web|bare|scratch)"')" -eq 3 ]
ok $? "its machines run on, and it says so"
grep -q 'was removed from the cluster; VMs still run here vms=.*web' "$dir/n3/log"
ok $? "its log says both"
lines=$(wc -l <"$dir/n3/log")
ctl --addr "$(socket 3)" cluster status >"$dir/out" 2>"$dir/err"
[ $? -eq 0 ] && grep -q '^status *removed' "$dir/out" && grep -q '^still_running *web$' "$dir/out" &&
  grep -q 'forget-cluster' "$dir/out"
ok $? "the status can be read, and what to do"
ctl --addr "$(socket 3)" vm list >"$dir/out" 2>"$dir/err"
[ $? -eq 3 ] && grep -q 'this node was removed from the cluster' "$dir/err"
ok $? "it answers for no cluster"
ctl --addr "$(socket 3),$(socket 1)" vm show web >"$dir/out" 2>"$dir/err"
ok $? "another address is asked then"
ctl --addr "$(socket 3),$(socket 1),$(socket 2)" doctor >"$dir/out" 2>"$dir/err"
[ $? -eq 1 ] && grep -q '^member *failed .*/n3/.*was removed.*still running: .*web' "$dir/out" &&
  grep -q '^quorum *ok ' "$dir/out"
ok $? "the doctor says it, and that the cluster is well otherwise"
cluster stop-node n1 --dir "$dir" >/dev/null 2>&1
cluster start-node n1 --dir "$dir" >/dev/null 2>&1
wait_until 20 agree 1 2
ctl vm delete web --yes >"$dir/out" 2>"$dir/err" && [ "$(status_of 3 | grep -c '"web"')" -eq 1 ]
ok $? "what happens in the cluster ends nothing there"
[ "$(wc -l <"$dir/n3/log")" -eq "$lines" ]
ok $? "it logs nothing more"
forget() { "$build/blixardd" --data "$dir/n3" --forget-cluster "$@" >"$dir/out" 2>"$dir/err" </dev/null; }
forget
[ $? -eq 6 ] && grep -q 'in use by another blixardd' "$dir/err"
ok $? "the cluster is not forgotten under the daemon's feet"
cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
still_run() { forget; [ $? -eq 6 ] && grep -q '3 VMs still run: ' "$dir/err" && grep -q 'hint: .*--force' "$dir/err"; }
wait_until 20 still_run # the daemon that was killed may not be gone yet
ok $? "nor while machines run"
mkdir -p "$dir/n3/vms/11112233-4455-4677-8899-aabbccddeeff"
echo disk >"$dir/n3/vms/11112233-4455-4677-8899-aabbccddeeff/disk.raw"
forget --force && grep -q 'no longer belongs to a cluster' "$dir/out" && grep -q "^kept: $dir/n3/vms (VMs: 1, " "$dir/out"
ok $? "unless told so"
forget && grep -q 'does not belong to a cluster$' "$dir/out"
ok $? "once more, there is nothing to forget"
cluster start-node n3 --dir "$dir" >/dev/null 2>&1
token=$(ctl cluster token create)
ctl --addr "$(socket 3)" cluster join "$token" >"$dir/out" 2>"$dir/err"
ok $? "then it joins"
three_voters() { [ "$(ctl cluster members -o json | grep -cE '"role": "(voter|leader)"')" -eq 3 ]; }
wait_until 20 three_voters
ok $? "as a voter"
ctl cluster members -o json | grep -q '"id": 4'
ok $? "under a new id"
wait_until 20 agree 1 2 3
ok $? "all three agree"
[ -s "$dir/n3/vms/11112233-4455-4677-8899-aabbccddeeff/disk.raw" ]
ok $? "a disk that was there is still there"

# --- another name -----------------------------------------------------------------------
cluster stop-node n2 --dir "$dir" >/dev/null 2>&1
start_as() # name: start n2 under it; true if it is refused
{
  BLIXARDD_FLAGS="--name $1" cluster start-node n2 --dir "$dir" >"$dir/err" 2>&1
  tail -n 3 "$dir/n2/log" >"$dir/out"
  grep -q "node 2 of the cluster is named \"n2\", but --name is \"$1\"" "$dir/out" &&
    grep -q -- '--name n2' "$dir/out"
}
start_as n1
ok $? "a daemon with another node's name does not start, and says what to do"
start_as n9
ok $? "nor one with a name that is free"
cluster start-node n2 --dir "$dir" >"$dir/out" 2>"$dir/err" && wait_until 20 agree 1 2 3
ok $? "with its own it starts"
[ "$(ctl node list -o name | sort | tr '\n' ' ')" = "n1 n2 n3 " ]
ok $? "its node keeps its name"
finish
