#!/bin/bash
# Snapshots of the recorder: on request, of this node or another, and when there is trouble.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3
addr=$BLIXARD_ADDR
export BLIXARD_ADDR
BLIXARD_ADDR=$(socket 1)

files() { ls "$dir/n$1/recorder/$2"-*.bxr 2>/dev/null; }

# --- on request ------------------------------------------------------------------------
ctl vm create web1 --disk 0 >/dev/null 2>&1
ctl log snapshot >"$dir/out" 2>"$dir/err" && grep -q '^node *n1$' "$dir/out" && grep -q '^file *snapshot-' "$dir/out"
ok $? "a node writes what its recorder holds"
file=$(files 1 snapshot)
ctl log verify "$file" >"$dir/out" 2>"$dir/err" && grep -q 'node 1: asked for$' "$dir/out" &&
  grep -q '^thread    loop' "$dir/out"
ok $? "the file is whole, and tells why it was made"
[ "$(stat -c %a "$file")" = 600 ] && [ -z "$(find "$dir/n1/recorder" -name '*.tmp' ! -name crash.tmp)" ]
ok $? "nobody else can read it, and nothing else is left"
ctl log snapshot "$dir/here.bxr" >"$dir/out" 2>"$dir/err" && ctl log verify "$dir/here.bxr" >"$dir/out" 2>"$dir/err" &&
  cmp "$dir/here.bxr" "$(files 1 snapshot | tail -n 1)" && [ ! -e "$dir/here.bxr.tmp" ]
ok $? "it is fetched"
ctl log snapshot --archive "$dir/archive.bxr" >"$dir/out" 2>"$dir/err" &&
  ctl log verify "$dir/archive.bxr" >"$dir/out" 2>"$dir/err" &&
  [ "$(od -An -tu1 -j2 -N1 "$dir/archive.bxr" | tr -d ' ')" = 2 ] &&
  [ "$(stat -c %s "$dir/archive.bxr")" -lt "$(stat -c %s "$dir/here.bxr")" ]
ok $? "as an archive it is smaller"
ctl log snapshot --node n3 "$dir/there.bxr" -o json >"$dir/out" 2>"$dir/err" && grep -q '"node": "n3"' "$dir/out" &&
  ctl log verify "$dir/there.bxr" >"$dir/out" 2>"$dir/err" && grep -q ', node 3: asked for$' "$dir/out" &&
  cmp "$dir/there.bxr" "$(files 3 snapshot)"
ok $? "so is that of another node"
! ctl log snapshot --node nobody >"$dir/out" 2>"$dir/err" && grep -q '^error: .*nobody' "$dir/err"
ok $? "a node that is not there is refused"
! ctl log snapshot /nowhere/file >"$dir/out" 2>"$dir/err" && grep -q '^error: /nowhere/file: ' "$dir/err"
ok $? "so is a place that is not there"
ln -s /dev/null "$dir/device"
! ctl log snapshot "$dir/device" >"$dir/out" 2>"$dir/err" && [ -L "$dir/device" ] && [ -z "$(ls "$dir"/device.* 2>/dev/null)" ]
ok $? "so is what is no file, and it stays"
for ((i = 0; i < 20; i++)); do ctl log snapshot -q >/dev/null 2>&1; done
[ "$(files 1 snapshot | wc -l)" -eq 16 ]
ok $? "the newest 16 are kept"

# --- trouble ---------------------------------------------------------------------------
! files 1 trouble >/dev/null
ok $? "without trouble there is no file of it"
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
cluster kill-node n3 --dir "$dir" >/dev/null 2>&1
trouble() { files 1 trouble >/dev/null; }
wait_until 30 trouble
ok $? "when the quorum is lost, a file is written"
ctl log verify "$(files 1 trouble)" >"$dir/out" 2>"$dir/err" && grep -q 'node 1: lost quorum$' "$dir/out"
ok $? "it tells why"
told() { grep -q 'lost quorum: what came before it is in recorder/trouble-' "$dir/n1/log"; }
wait_until 10 told
ok $? "so does the log"
ctl log snapshot >"$dir/out" 2>"$dir/err"
ok $? "one can be asked for without a quorum"
BLIXARD_ADDR=$addr
finish
