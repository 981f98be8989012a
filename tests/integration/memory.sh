#!/bin/bash
# shellcheck disable=SC2154 # build and dir are set by cluster.sh
# mem stats and mem sites of running nodes; that a normal build has nothing of the tracker.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"

symbols() { nm --defined-only "$build/blixardd" | awk '{ print $NF }'; }
# count KEY MEMBER: a number of mem stats of node 1
count()
{
  ctl --addr "$(socket 1)" mem stats -o json >"$dir/out" 2>"$dir/err"
  awk -v key="\"$1\":" -v member="\"$2\":" '
    $1 == key { inside = 1 }
    inside && $1 == member { sub(/,$/, "", $2); print $2; exit }' "$dir/out"
}
has_keys()
{
  local key
  ctl mem stats -o json >"$dir/out" 2>"$dir/err" || return 1
  for key in "$@"; do
    grep -q "^  \"$key\": {" "$dir/out" || return 1
  done
}

if symbols | grep -q '^bx_track_'; then tracking=yes; else tracking=no; fi
if [ $tracking = no ]; then
  symbols | grep -qE 'track|^(malloc|calloc|realloc|free|aligned_alloc|posix_memalign)$'
  [ $? -eq 1 ]
  ok $? "a normal build has no symbol of the tracker"
else
  symbols | grep -qx malloc
  ok $? "the tracking build stands in the place of malloc"
fi

"$build/blixardd" --help >"$dir/out"
for flag in proposal-pool read-pool frame-pool vm-config-pool metadata-pool call-pool answer-pool \
  connection-pool buffers log-cache shared-configs intern-strings intern-bytes; do
  grep -q -- "--$flag" "$dir/out"
  ok $? "--help tells of --$flag"
done

# With little log between snapshots the churn below has several of them in every round.
if grep -q -- --scope-pool "$dir/out"; then scopes=yes; else scopes=no; fi
[ $scopes = $tracking ]
ok $? "and of --scope-pool only where there are scopes"

if [ $tracking = yes ]; then
  BLIXARDD_FLAGS="--scope-pool 3/2 --snapshot-bytes 4194304" BLIXARD_PRINT_ALLOCATIONS=1 up 3
else
  up 1
fi
has_keys proposal read frame vm_config metadata call answer connection buffer buffer_class intern row \
  shared_config log_chunk wal codecs heap
ok $? "mem stats: the keys others rely on"
ctl mem stats >"$dir/out" 2>"$dir/err" && grep -qE '^proposal +[0-9]+' "$dir/out"
ok $? "mem stats: a table"
before=$(count vm_config hits)
[ "$(count vm_config min)" -eq 50 ] && [ "$(count vm_config max)" -eq 500 ] &&
  [ "$(count metadata min)" -eq 20 ] && [ "$(count metadata max)" -eq 200 ] &&
  [ "$(count proposal min)" -eq 100 ] && [ "$(count proposal max)" -eq 1000 ]
ok $? "the pools have their sizes"
ctl vm create one --metadata a=b --no-wait >"$dir/out" 2>"$dir/err"
ctl vm create two --no-wait >"$dir/out" 2>"$dir/err"
ctl vm create one --no-wait >"$dir/out" 2>"$dir/err" # is refused
[ "$(count vm_config hits)" -eq $((before + 3)) ] && [ "$(count vm_config in_use)" -eq 0 ]
ok $? "each create takes a configuration, and gives it back, also when it is refused"
[ "$(count metadata hits)" -eq 1 ] && [ "$(count metadata in_use)" -eq 0 ]
ok $? "metadata takes its list, and gives it back"
[ "$(count intern live)" -ge 3 ]
ok $? "names are interned"
[ "$(count shared_config refs)" -eq 2 ] && [ "$(count shared_config values)" -eq 2 ]
ok $? "each VM has a configuration of its own when they differ"
ctl vm create three --no-wait >"$dir/out" 2>"$dir/err"
[ "$(count shared_config refs)" -eq 3 ] && [ "$(count shared_config values)" -eq 2 ]
ok $? "VMs that are alike share one"

if [ $tracking = no ]; then
  rc=0
  ctl mem sites >"$dir/out" 2>"$dir/err" || rc=$?
  [ "$rc" -eq 1 ] && grep -q '^hint: .*--enable-allocation-tracking' "$dir/err"
  ok $? "mem sites says that it needs the tracking build"

  # --- everything too small: what does not fit comes from the heap, and nothing is refused ---
  cluster down --dir "$dir" >/dev/null 2>&1
  rm -rf "$dir"/n[0-9]*
  export BLIXARDD_FLAGS="--proposal-pool 1/0 --vm-config-pool 1/0 --intern-strings 10 --read-pool 1/0 \
--call-pool 1/0 --answer-pool 1/0 --connection-pool 1/0 --frame-pool 1/0 --buffers 0,0,0,0,0 \
--log-cache 4096 --shared-configs 1"
  up 1
  ctl bench --clients 32 --count 500 --start --keep >"$dir/out" 2>"$dir/err" &&
    grep -q '500 created' "$dir/out"
  ok $? "pools of one object: 500 VMs are created"
  [ "$(count proposal max)" -eq 1 ] && [ "$(count proposal misses)" -gt 1 ] &&
    [ "$(count vm_config misses)" -gt 1 ] && [ "$(count vm_config in_use)" -eq 0 ] &&
    [ "$(count vm_config available)" -eq 1 ]
  ok $? "what they did not have is counted, and went back"
  [ "$(count intern live)" -eq 10 ] && [ "$(count intern copies)" -gt 400 ] &&
    [ "$(count intern refused)" -gt 400 ]
  ok $? "an interner of ten names: the other names are private copies"
  ctl vm list -o name >"$dir/out" 2>"$dir/err" && [ "$(sort -u "$dir/out" | wc -l)" -eq 500 ]
  ok $? "which are found and listed as others are"
  [ "$(count call max)" -eq 1 ] && [ "$(count answer max)" -eq 1 ] && [ "$(count read max)" -eq 1 ] &&
    [ "$(count connection max)" -eq 1 ] && [ "$(count frame max)" -eq 1 ] &&
    [ "$(count shared_config max)" -eq 1 ] && [ "$(count wal cache_max_bytes)" -eq 4096 ] &&
    [ "$(count log_chunk max)" -eq 1 ]
  ok $? "every pool and cache has the size of its flag"
  finish
  exit
fi

has_keys ours raft sqlite msgpack jansson uv scope
ok $? "mem stats: each library, and the scopes"
[ "$(count raft allocations)" -gt 0 ] && [ "$(count sqlite allocations)" -gt 0 ] &&
  [ "$(count msgpack allocations)" -gt 0 ] && [ "$(count uv allocations)" -gt 0 ]
ok $? "the libraries allocate, and are seen"
ctl mem sites >"$dir/out" 2>"$dir/err" && grep -q ' ours .*libcore/mem/slab.c:' "$dir/out"
ok $? "mem sites: ours by line"
grep -qE '^propose +[1-9]' "$dir/out" && grep -qE '^apply +[1-9]' "$dir/out" &&
  grep -qE '^placement +[1-9]' "$dir/out" && grep -qE '^encode +[1-9]' "$dir/out"
ok $? "mem sites: the scopes of the code"
ctl mem sites --scope s --start >"$dir/out" 2>"$dir/err"
ok $? "a scope begins"
ctl mem sites --scope s --start >"$dir/out" 2>"$dir/err"
[ $? -eq 6 ]
ok $? "not twice"
[ "$(count scope in_use)" -eq 1 ] && [ "$(count scope available)" -eq 1 ] &&
  [ "$(count scope max)" -eq 3 ] && [ "$(count scope min)" -eq 2 ]
ok $? "it is one of a pool, of the size that was asked for"
ctl vm create four --no-wait >"$dir/out" 2>"$dir/err"
ctl mem sites --scope s --finish -o json >"$dir/out" 2>"$dir/err" && grep -q '"scope": "s"' "$dir/out"
ok $? "it ends with a report"
grep -q "^allocations of s;" "$dir/n1/log"
ok $? "which the daemon prints when it is told to"
ctl mem sites --scope s >"$dir/out" 2>"$dir/err"
[ $? -eq 5 ] && [ "$(count scope in_use)" -eq 0 ] && [ "$(count scope hits)" -eq 1 ]
ok $? "and is gone, into the pool"
# --- 10,000 VMs created and deleted: what is warm allocates nothing of ours -----------------
#
# What may remain, and the test prints where it comes from:
#   kept        growth: a slab, a chunk of the log, one more of a pool; one for 256 requests at most
#   a snapshot  seven blocks for as long as it is written: job, reader, writer and their buffers
#   a job       of the thread pool, one block: a look at the disk each second, a checkpoint
#   a party     of the API, one block: a process that connects
#   the rest    a list that grows gives back the shorter one, a batch above 64 KiB is not kept: 8
requests=20000
ours_of() { # node, column: of ours in the scope, of the node's report in $dir/sites-NODE
  awk -v column="$2" '$1 == "ours" { print $column; exit }' "$dir/sites-$1"
}
made_by() { # node, file
  awk -v file=" $2:" 'index($0, file) { n += $1 } END { print n + 0 }' "$dir/sites-$1"
}
churn() { ctl --timeout 60s bench --count 10000 --start "$@" >"$dir/out" 2>"$dir/err"; }
churn --clients 128 && churn --clients 128 && churn
ok $? "warm: more at a time than is measured, twice, and then as much"

# round: churn under a scope. 0 when no node allocated more than what may remain; $said tells.
round() {
  local k kept snapshots jobs rest good=0
  said=()
  for k in 1 2 3; do
    ctl --addr "$(socket $k)" mem sites --scope churn --start >/dev/null
  done
  churn || return 2
  for k in 1 2 3; do
    ctl --addr "$(socket $k)" mem sites --scope churn --finish >"$dir/sites-$k" 2>"$dir/err"
    sed "s/^/# n$k: /" "$dir/sites-$k"
    kept=$(ours_of $k 5)
    [ "$kept" -ge 0 ] || kept=0 # a snapshot was under way at the beginning
    snapshots=$(made_by $k libcore/log/snapfile.c)
    jobs=$(($(made_by $k daemon/sys/disk.c) + $(made_by $k daemon/api/party.c)))
    rest=$(($(ours_of $k 2) - kept - 7 * snapshots - jobs))
    [ "$kept" -le $((requests / 256)) ] && [ "$rest" -le 8 ] || good=1
    said+=("n$k $rest, $kept to keep, 7 for each of $snapshots snapshots")
  done
  return $good
}
# Whatever one request in 256 takes shows in every round. A host that stands still for a moment has
# more under way than ever before, once: then there is growth, and no steady state yet.
for i in 1 2 3; do
  rc=0
  round || rc=$?
  echo "# round $i of $requests requests: ${said[*]}"
  [ $rc -eq 1 ] || break
done
ok "$rc" "10,000 VMs created and deleted, no node allocates more than what may remain"

BLIXARD_PRINT_ALLOCATIONS=1 BLIXARD_TRACK_ALLOCATION_SITES=1 "$build/blixardd" --help \
  >"$dir/out" 2>"$dir/err"
grep -q '^allocations of the process' "$dir/err" && grep -q '_start+0x' "$dir/err"
ok $? "a report at exit, with stacks"
finish
