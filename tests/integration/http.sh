#!/bin/bash
# The HTTP server of daemons in a cluster: what Prometheus and a load balancer would see.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if ! "${BLIXARD_BUILD:-build}/blixardd" --help | grep -q '^  --http '; then
  echo "1..0 # SKIP built without the HTTP server"
  exit 0
fi
up 3

ready() { http /readyz "$1" >"$dir/out" && grep -q '"status":"ready"' "$dir/out"; }
not_ready() { http /readyz "$1" >"$dir/out" && grep -q "$2" "$dir/out"; }
value() { http /metrics "$1" | sed -n "s/^$2 //p"; }
is() { [ "$(value "$1" "$2")" = "$3" ]; }
series() { http /metrics 1 | grep -vc '^#'; }
discovered() { http /v1/sd 2 >"$dir/out" && [ "$(grep -o '"targets"' "$dir/out" | wc -l)" -eq 3 ]; }

[ "$(grep -c '^export BLIXARD_HTTP=http://127' "$dir/up.log")" = 1 ]
ok $? "the address of the first node is told"
[ "$(http /livez)" = '{"status":"ok"}' ]
ok $? "the daemon lives"
for k in 1 2 3; do
  wait_until 10 ready "$k"
  ok $? "n$k is ready"
done
wait_until 20 discovered && grep -q '"__meta_blixard_node":"3"' "$dir/out"
ok $? "every node tells the addresses of all"

# --- who may listen ----------------------------------------------------------------------
address=$(sed -n 's|^export BLIXARD_HTTP=http://||p' "$dir/up.log")
listen() # Sec-Fetch-Site: the first line of the answer
{
  exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
  printf 'GET /v1/live HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: %s\r\n\r\n' "$1" >&3
  read -rt 10 line <&3
  exec 3<&-
  echo "$line"
}
listen cross-site | grep -q '^HTTP/1.1 403 ' && listen same-site | grep -q '^HTTP/1.1 403 '
ok $? "a page of another site can not listen"
listen same-origin | grep -q '^HTTP/1.1 200 ' && listen none | grep -q '^HTTP/1.1 200 '
ok $? "that of this server can"

# --- metrics -----------------------------------------------------------------------------
if http /metrics >"$dir/out" && grep -q '^blixard_build_info{version=' "$dir/out"; then
  [ "$(($(value 1 blixard_raft_leading) + $(value 2 blixard_raft_leading) + $(value 3 blixard_raft_leading)))" -eq 1 ]
  ok $? "one of the nodes leads"
  before=$(series)
  ctl bench --clients 8 --count 1000 --keep >"$dir/out" 2>"$dir/err"
  wait_until 20 is 2 blixard_fleet_vms 1000
  ok $? "the VMs are counted on a follower"
  [ "$(series)" -eq "$before" ]
  ok $? "1,000 VMs add no series"
  http /metrics 1 >"$dir/out"
  for histogram in proposal_latency commit_latency wal_write_latency apply_latency; do
    [ "$(sed -n "s/^blixard_${histogram}_seconds_count //p" "$dir/out")" -gt 0 ]
    ok $? "$histogram was measured"
  done
  ! grep -qE '"(bench-|n[123]"|default)' "$dir/out"
  ok $? "no name is told"
else
  ok 0 "without metrics /metrics is not served # SKIP built without metrics"
fi

# --- without a majority --------------------------------------------------------------------
cluster kill-node n2 --dir "$dir" >"$dir/out" 2>&1
cluster kill-node n3 --dir "$dir" >"$dir/out" 2>&1
wait_until 20 not_ready 1 'leader'
ok $? "a node without a majority is not ready, and says why"
[ "$(http /livez)" = '{"status":"ok"}' ]
ok $? "it lives"
finish
