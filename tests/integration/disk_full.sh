#!/bin/bash
# The disk of the data directory fills up and gets room again. The daemon does not end: it refuses
# writes with the reason, answers reads, and goes on by itself. Needs root, for a small file system.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
mounted=
disk=$dir/n1

unmount()
{
  cluster down --dir "$dir" >/dev/null 2>&1
  [ -z "$mounted" ] || umount "$disk" || umount -l "$disk"
  rm -rf "$dir"
}
trap unmount EXIT
mkdir "$disk"
# A file system of a real kind, where the host has what makes one; ext4 finds that there is no room
# when it writes back, tmpfs at once.
mount_ext4()
{
  [ -x /sbin/mkfs.ext4 ] && truncate -s 160M "$dir/image" &&
    /sbin/mkfs.ext4 -q -m 0 "$dir/image" && mount -o loop "$dir/image" "$disk" && chmod 711 "$disk"
}
mount_tmpfs() { mount -t tmpfs -o size=128m,mode=711 tmpfs "$disk"; }
if [ "$(id -u)" -ne 0 ] || ! { mount_ext4 || mount_tmpfs; } 2>/dev/null; then
  echo "1..0 # SKIP a small file system can not be mounted"
  exit 77
fi
mounted=yes
echo "# on $(stat -f -c %T "$disk")"
export BLIXARDD_FLAGS="--ballast 16MiB"
up 1

# run CODE COMMAND...: runs it, and says whether the exit code is this one
run()
{
  local want=$1 rc=0
  shift
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
  [ "$rc" -eq "$want" ]
}
available() { df --output=avail -B1 "$disk" | tail -n 1; }
# leave BYTES: a file takes all but these
leave() { fallocate -l $(($(available) - $1)) "$disk/fill"; }
fill_up() { head -c 256M /dev/zero >>"$disk/fill" 2>/dev/null; }
space() { status_of 1 | field space; }
space_is() { [ "$(space)" = "$1" ]; }
daemon() { status_of 1 >/dev/null && cat "$disk/lock"; }

for name in kept gone; do ctl vm create "$name" --disk 0 >/dev/null; done
pid=$(daemon)
has_ballast() { [ "$(stat -c %s "$disk/ballast")" -eq $((16 << 20)) ]; }
wait_until 20 has_ballast
ok $? "the ballast is there"

# --- low -------------------------------------------------------------------------------
leave $((8 << 20))
wait_until 30 space_is low
ok $? "a disk that is nearly full is low on space"
run 1 ctl vm create refused --disk 0 --timeout 5s &&
  grep -q '^error: the disk of node n1 is low on space; nothing was done$' "$dir/err" &&
  grep -q "^hint: free some space on node n1 in $disk; " "$dir/err"
ok $? "a write is refused, with the reason and what to do"
run 1 ctl vm start kept && run 1 ctl vm rename kept other
ok $? "so are others"
run 0 ctl vm list --consistency stale -o name && grep -q kept "$dir/out" && run 0 ctl vm show kept
ok $? "reads are answered"
run 0 ctl vm stop gone && run 0 ctl vm delete gone --yes && run 0 ctl cluster token create
ok $? "stops and deletes work, and tokens for new members"
run 0 ctl node list && grep -q '^ID .* SPACE ' "$dir/out" && grep -q ' n1 .* low ' "$dir/out" &&
  run 0 ctl cluster status && grep -q ' n1 .* low ' "$dir/out"
ok $? "the lists of nodes and members show it"
run 0 ctl doctor && grep -q '^space *warning *1 of 1: n1 low$' "$dir/out"
ok $? "so does doctor"

# --- full ------------------------------------------------------------------------------
fill_up
wait_until 30 space_is full
ok $? "a disk without room is full"
wall()
{
  ctl cluster token create --timeout 1s >/dev/null 2>&1
  [ ! -e "$disk/ballast" ]
}
wait_until 60 wall
ok $? "a write that finds no room takes the ballast"
run 0 ctl vm list --consistency stale -o name && grep -q kept "$dir/out"
ok $? "stale reads are answered"
run 1 ctl vm create refused --disk 0 --timeout 5s && grep -q '^error: the disk of node n1 is full; ' "$dir/err"
ok $? "a write is refused"
[ "$(daemon)" = "$pid" ]
ok $? "it is the same daemon"

# --- a start on a full disk ------------------------------------------------------------
rm "$disk/fill"
ballast_there() { [ -e "$disk/ballast" ] && [ -z "$(space)" ] && [ "$(daemon)" = "$pid" ]; }
wait_until 60 ballast_there
ok $? "with room, the ballast is made anew"
run 0 ctl vm create more --disk 0
ok $? "and writes go on"
fill_up
cluster kill-node n1 --dir "$dir" >/dev/null 2>&1
cluster start-node n1 --dir "$dir" >/dev/null 2>&1
wait_until 60 space_is full
ok $? "a daemon starts on a full disk"
run 0 ctl vm list --consistency stale -o name && grep -q more "$dir/out"
ok $? "and answers reads"
rm "$disk/fill"
writes() { run 0 ctl vm create again --disk 0 --if-not-exists --timeout 2s; }
wait_until 60 writes
ok $? "and writes once there is room"
run 0 ctl vm list -o name && [ "$(sort "$dir/out" | tr '\n' ' ')" = "again kept more " ]
ok $? "nothing was lost"
finish
