#!/bin/bash
# shellcheck disable=SC2154 # build and dir are set by cluster.sh
# The daemon dies at a chosen write, sync, rename or removal of a short run, and again while it recovers.
# It comes back without help, what was acknowledged is there, what was deleted is not, and nobody who
# waited meanwhile was told anything but the truth.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
watched=pwrite64,fdatasync,fsync,rename,renameat,unlink,unlinkat,ftruncate
home=$dir/n1
job=

# Some containers do not allow it.
if ! strace -f -qq -o /dev/null -e trace=fsync true 2>/dev/null; then
  echo "1..0 # SKIP strace is not installed, or ptrace is not allowed"
  exit 0
fi
# The lock is free once the last thread of the daemon is gone.
end_job()
{
  [ -n "$job" ] || return
  kill -KILL -- "-$job"
  wait "$job"
  job=
  flock --wait 20 "$home/lock" true
} 2>/dev/null
trap 'end_job; cleanup' EXIT

export BLIXARDD_FLAGS="--snapshot-bytes 20000" # several in every run
up 1
cluster stop-node n1 --dir "$dir" >/dev/null 2>&1
read -r _ _ port <"$dir/cluster"
mv "$home" "$dir/template"
BLIXARD_ADDR=unix:$home/blixard.sock

fresh() { rm -rf "$home" && cp -a "$dir/template" "$home"; }
daemon=("$build/blixardd" --data "$home" --name n1 --listen "127.0.0.1:$port" --api none
  --socket "$home/blixard.sock" --driver sim --snapshot-bytes 20000)

# A daemon for each kill, CALL:N, and then one that nobody kills.
supervise()
{
  local kill
  for kill in "$@"; do
    strace -f -qq -o /dev/null -e "trace=${kill%:*}" \
      -e "inject=${kill%:*}:signal=KILL:when=${kill#*:}" "${daemon[@]}" >>"$dir/log" 2>&1
    echo "$kill" >>"$dir/killed"
  done
  "${daemon[@]}" >>"$dir/log" 2>&1
}

# In a process group of its own, which end_job kills as a whole.
run_job() { set -m; "$@" 2>/dev/null & job=$!; set +m; }

# Sixty are created and every tenth deleted, by clients that ask until they are answered.
load()
{
  local k
  ctl bench --clients 4 --count 60 --prefix k --start --keep --acked "$dir/acked" \
    >"$dir/out" 2>"$dir/err" || return
  for k in k-10 k-20 k-30 k-40 k-50; do
    ctl vm delete $k --yes >"$dir/out" 2>"$dir/err" || return
  done
}
answers() { [ -n "$(status_of 1 | field digest)" ]; }

# --- which calls there are, and how many -------------------------------------------
fresh
run_job strace -f -qq -o "$dir/trace" -e "trace=$watched" "${daemon[@]}"
wait_until 20 answers
load
ok $? "a run that nobody kills"
end_job
# What one thread does most of; strace counts for each thread.
awk '{ sub(/\(.*/, "", $2); if ($2 ~ /^[a-z0-9]+$/) n[$1 " " $2]++ }
  END { for (k in n) { split(k, part, " "); if (n[k] > most[part[2]]) most[part[2]] = n[k] }
    for (call in most) print call, most[call] }' "$dir/trace" | sort >"$dir/counts"

# CALL POINTS: as many, spread over all of its calls
spread() { awk -v call="$1" -v k="$2" '$1 == call { for (i = 0; i < k && i < $2; i++)
  print call ":" 1 + int($2 * i / k) }' "$dir/counts" | sort -u; }
points=$(spread pwrite64 9; spread fdatasync 7; spread fsync 2; spread renameat 1; spread rename 1
  spread unlinkat 1; spread unlink 1; spread ftruncate 1)
[ "$(wc -w <<<"$points")" -ge 20 ]
ok $? "at least twenty places to die at"

# --- dying there ----------------------------------------------------------------------
n=0
for point in $points; do
  n=$((n + 1))
  fresh
  : >"$dir/killed"
  run_job supervise "$point" "pwrite64:$((n % 6 + 1))"
  load
  ok $? "$point: everybody was answered"
  wait_until 20 answers
  died=$(wc -l <"$dir/killed")
  before=$(status_of 1 | field digest)
  end_job
  "${daemon[@]}" >>"$dir/log" 2>&1 &
  last=$!
  wait_until 20 answers
  grep -vxE 'k-[1-5]0' "$dir/acked" | sort >"$dir/want"
  ctl vm list -o name 2>"$dir/err" | sort | diff "$dir/want" - >"$dir/out"
  ok $? "$point: what was acknowledged, and nothing else, after $died kills"
  [ -n "$before" ] && [ "$(status_of 1 | field digest)" = "$before" ]
  ok $? "$point: the state is the same after one more"
  kill -TERM "$last"
  wait "$last"
  ok $? "$point: it stops in order"
done
finish
