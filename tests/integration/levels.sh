#!/bin/bash
# An upgrade of a cluster from one feature level to the next, forward, back and forward again, with
# writes all the time: the daemons act as builds of both levels. What both can do is never refused.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
BLIXARDD_FLAGS="--insecure-loopback --feature-level 1"
export BLIXARDD_FLAGS
up 3

restart_at() # node, level
{
  BLIXARDD_FLAGS="--insecure-loopback --feature-level $2"
  cluster stop-node "n$1" --dir "$dir" >"$dir/out" 2>&1
  cluster start-node "n$1" --dir "$dir" >"$dir/out" 2>&1
}
level() { ctl cluster upgrade status -o json 2>/dev/null | field level; }
level_of() # node: what the others say that it reads
{
  ctl --addr "$(socket $(($1 % 3 + 1)))" cluster upgrade status --columns id,level -o csv 2>/dev/null |
    sed -n "s/^$1,//p"
}
reads() { [ "$(level_of "$1")" = "$2" ]; }

# Writes until the file is gone; what fails is noted.
write_on()
{
  local k=0
  while [ -e "$dir/writing" ]; do
    k=$((k + 1))
    ctl vm create "load$k" --vcpus 1 --memory 16MiB --no-start --timeout 30s >/dev/null 2>"$dir/said" &&
      ctl vm delete "load$k" --yes --timeout 30s >/dev/null 2>"$dir/said" || cat "$dir/said" >>"$dir/failed"
    echo "$k" >"$dir/written.new" && mv "$dir/written.new" "$dir/written"
  done
}
: >"$dir/writing"
: >"$dir/failed"
write_on &
writer=$!

[ "$(level)" = 1 ]
ok $? "the cluster begins at level 1"
for step in 1:2 2:2 2:1 1:1 3:2 2:2; do
  restart_at "${step%:*}" "${step#*:}"
  wait_until 90 reads "${step%:*}" "${step#*:}"
  ok $? "n${step%:*} is a build of level ${step#*:} now"
done
# Of all nodes; their rows follow the level within seconds.
overcommit_is() { [ "$(ctl node list -o json 2>/dev/null | grep -c "\"overcommit_vcpus_pct\": $1\>")" = 3 ]; }
wait_until 20 overcommit_is 100
ok $? "no processor is promised to more VMs than an older build would"
ctl vm create with --metadata a=b >"$dir/out" 2>"$dir/err"
[ $? -ne 0 ] && grep -q 'cluster upgrade finalize' "$dir/err"
ok $? "what is of level 2 is refused, with a hint"
ctl cluster upgrade finalize >"$dir/out" 2>"$dir/err"
[ $? -ne 0 ] && grep -q 'n1' "$dir/err" && [ "$(level)" = 1 ]
ok $? "the level is not raised while n1 reads level 1 only"
restart_at 1 2
wait_until 90 reads 1 2
ok $? "n1 is a build of level 2, too"
finalize() { ctl cluster upgrade finalize >"$dir/out" 2>"$dir/err"; }
wait_until 90 finalize && [ "$(level)" = 2 ]
ok $? "the level is raised"
wait_until 90 overcommit_is 400
ok $? "and with it the processors' share for VMs"
ctl vm create with --metadata a=b --no-start >"$dir/out" 2>"$dir/err" && ctl tenant create acme >"$dir/out" 2>"$dir/err"
ok $? "what is of level 2 is accepted"

before=$(cat "$dir/written")
wrote_more() { [ "$(cat "$dir/written" 2>/dev/null || echo 0)" -gt $((before + 5)) ]; }
wait_until 90 wrote_more
rm "$dir/writing"
wait "$writer"
cp "$dir/failed" "$dir/err"
[ ! -s "$dir/failed" ]
ok $? "no write was refused meanwhile ($(cat "$dir/written") were made)"

wait_until 90 agree 1 2 3
ok $? "all agree"

restart_at 3 1
says_why() { grep -q 'at feature level 2' "$dir/n3/log"; }
wait_until 20 says_why
ok $? "an older build refuses to start on this state, and says why"
restart_at 3 2
wait_until 90 agree 1 2 3
ok $? "the newer one goes on from it"

for k in 1 2 3; do
  restart_at "$k" 3
  wait_until 90 reads "$k" 3
  ok $? "n$k is a build of level 3"
done
ctl user create alice --role viewer >"$dir/out" 2>"$dir/err"
[ $? -ne 0 ] && grep -q 'cluster upgrade finalize' "$dir/err"
ok $? "what is of level 3 is refused, with a hint"
wait_until 90 finalize && [ "$(level)" = 3 ]
ok $? "the level is raised to 3"
ctl user create alice --role viewer >"$dir/out" 2>"$dir/err" && ctl user token create alice >"$dir/out" 2>"$dir/err"
ok $? "what is of level 3 is accepted"
wait_until 90 agree 1 2 3
ok $? "all agree"
raised=$(ctl events --type cluster.upgraded --no-headers -c INDEX 2>/dev/null | tail -n 1 | tr -d ' ')
ctl audit verify >"$dir/out" 2>"$dir/err" && [ "$(grep -c "^n[123]: events: revision $raised to [0-9]*: whole" "$dir/out")" = 3 ]
ok $? "the events are a chain from then on"
finish
