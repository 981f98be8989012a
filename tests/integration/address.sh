#!/bin/bash
# Members are started with other addresses than before: each is found again, and all show the new ones.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 3

# Two ports that no node of this cluster has.
read -r _ _ first <"$dir/cluster"
port=$((first + 10))
# start K: with the next two
move()
{
  cluster kill-node "n$1" --dir "$dir" >/dev/null 2>&1
  listen=127.0.0.1:$port
  api=127.0.0.1:$((port + 1))
  port=$((port + 2))
  BLIXARDD_FLAGS="--listen $listen --api $api" cluster start-node "n$1" --dir "$dir" >"$dir/err" 2>&1
}
# What a node shows of another one, whose address is the new one everywhere.
shows() # the one asked, the one shown
{
  ctl --addr "$(socket "$1")" cluster status -o json 2>/dev/null | tr -d ' \n' |
    grep -q "\"name\":\"n$2\",\"address\":\"$listen\",[^}]*\"state\":\"up\"" &&
    ctl --addr "$(socket "$1")" node list -o json 2>/dev/null | tr -d ' \n' |
    grep -q "\"name\":\"n$2\",\"address\":\"$listen\",\"api\":\"$api\",\"state\":\"up\""
}
all_show() { shows 1 "$1" && shows 2 "$1" && shows 3 "$1"; }

ctl cluster ca show --out "$dir/ca.pem" >"$dir/out" 2>"$dir/err"
ok $? "clients know the cluster by its CA"
for k in 3 1 2; do
  move "$k"
  ok $? "n$k starts with another address"
  wait_until 60 all_show "$k"
  rc=$?
  ctl --addr "$(socket 2)" cluster status >"$dir/out" 2>&1
  ok $rc "all nodes show it, and are connected to it"
  ctl --addr "$(socket "$k")" vm create "v$k" --disk 0 --no-start >"$dir/out" 2>"$dir/err"
  ok $? "it writes"
  ctl --addr "$api" --ca "$dir/ca.pem" version 2>"$dir/err" | tee "$dir/out" | grep -q '^blixardd'
  ok $? "clients reach it at its new address"
done
wait_until 20 agree 1 2 3
ok $? "all agree"
! grep -h 'is already connected\|another node answers' "$dir"/n?/log >"$dir/out"
ok $? "no connection was in the way of another"
finish
