#!/bin/bash
# Three hosts with addresses of their own, on a network that fails: a minority, a majority, one
# direction, now and then, and single packets are cut off. Hosts are network namespaces, and so is
# the switch between them. Nothing that was acknowledged is lost, nothing is there twice, and all is
# well again without anybody's help.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
skip_all()
{
  echo "1..0 # SKIP $1"
  exit 0
}
[ "$(id -u)" -eq 0 ] || skip_all "making hosts needs root"
names=bx$$
ip netns add "$names-0" 2>/dev/null || skip_all "no network namespaces here"
if ! nsenter --net="/run/netns/$names-0" ip link add br0 type bridge 2>/dev/null ||
  ! nsenter --net="/run/netns/$names-0" nft add table bridge cut 2>/dev/null; then
  ip netns del "$names-0"
  skip_all "no bridges, or no nft, in network namespaces here"
fi

address() { echo "10.77.0.$1"; }
# HOST COMMAND...: not by ip netns exec, which mounts, and fails in a chroot
on() { nsenter --net="/run/netns/$names-$1" "${@:2}"; }

remove_hosts()
{
  local k pid
  rm -f "$dir/writing"
  for k in 1 2 3; do
    pid=$(cat "$dir/h$k.pid" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
    pid=$(cat "$dir/relay$k.pid" 2>/dev/null) && kill -9 "$pid" 2>/dev/null
  done
  wait
  for k in 0 1 2 3; do ip netns del "$names-$k" 2>/dev/null; done
  rm -rf "$dir"
}
trap remove_hosts EXIT

on 0 ip link set br0 up
for k in 1 2 3; do
  ip netns add "$names-$k"
  on 0 ip link add "port$k" type veth peer name eth0 netns "$names-$k"
  on 0 ip link set "port$k" master br0 up
  on "$k" ip addr add "$(address $k)/24" dev eth0
  on "$k" ip link set eth0 up
  on "$k" ip link set lo up
done

# --- the switch -------------------------------------------------------------------------
# lose RULE...: drop what a rule matches; no rule: the network is whole
lose()
{
  on 0 nft delete table bridge cut 2>/dev/null
  [ $# -gt 0 ] || return 0
  on 0 nft add table bridge cut
  on 0 nft add chain bridge cut forward '{ type filter hook forward priority 0 ; }'
  for rule in "$@"; do on 0 nft add rule bridge cut forward "$rule" drop; done
}
cut_off() { lose "iifname port$1" "oifname port$1"; }
# slow MILLISECONDS: what the hosts send each other from now on, over connections that are made
# anew, arrives so much later
slow()
{
  local k
  for k in 1 2 3; do
    (exec nsenter --net="/run/netns/$names-$k" python3 "$(dirname "$0")/relay.py" 9999 "$1" \
      >>"$dir/relay$k.log" 2>&1) &
    echo $! >"$dir/relay$k.pid"
    on "$k" nft -f - <<RULES
table ip slow {
  chain output {
    type nat hook output priority -100;
    meta mark 7 return
    ip daddr 10.77.0.0/24 tcp dport 7411 redirect to :9999
  }
}
RULES
  done
}
quick()
{
  local k
  for k in 1 2 3; do
    on "$k" nft delete table ip slow
    kill "$(cat "$dir/relay$k.pid")"
    wait "$(cat "$dir/relay$k.pid")" 2>/dev/null
  done
}

# --- the hosts --------------------------------------------------------------------------
start()
{
  # exec: the number is that of the daemon, not of a shell around it
  (exec nsenter --net="/run/netns/$names-$1" "$build/blixardd" --data "$dir/h$1" --name "h$1" \
    --listen "$(address "$1"):7411" --driver sim --api none >>"$dir/h$1.log" 2>&1) &
  echo $! >"$dir/h$1.pid"
}
at() { ctl --addr "unix:$dir/h$1/blixard.sock" "${@:2}"; } # HOST COMMAND...
answers() { at "$1" version 2>/dev/null | grep -q ^blixardd; }
join() { at "$1" cluster join "$(at 1 cluster token create "${@:2}")"; }
state_of() { at "$1" --timeout 2s cluster status -o json 2>/dev/null; }
agreed()
{
  local k all=
  for k in 1 2 3; do all="$all$(state_of $k | grep -E '"(revision|digest|vms)"' | tr -d ' \n')"$'\n'; done
  [ "$(printf %s "$all" | sort -u | grep -c .)" -eq 1 ] && [ -n "$(printf %s "$all" | head -n 1)" ]
}
leader_of() { state_of "$1" | field leader | grep -v null; }
leads_elsewhere() { local l; l=$(leader_of "$1") && [ -n "$l" ] && [ "$l" != "h$2" ]; }

for k in 1 2 3; do start $k; done
for k in 1 2 3; do wait_until 20 answers $k; done
at 1 cluster init >"$dir/out" 2>"$dir/err"
ok $? "a cluster begins on an address that is not loopback"
join 2 >"$dir/out" 2>"$dir/err" && join 3 >>"$dir/out" 2>>"$dir/err"
ok $? "two hosts join with tokens"
wait_until 30 agreed
ok $? "the three agree"

# --- who is not of the cluster ------------------------------------------------------------
token=$(at 1 cluster token create)
! at 2 cluster join "$token" >"$dir/out" 2>"$dir/err" && grep -q "already" "$dir/err"
ok $? "a member does not join again"
noise() { on 2 timeout 5 bash -c "exec 3<>/dev/tcp/$(address 1)/7411 && head -c 5000 /dev/urandom >&3 && cat <&3" >/dev/null 2>&1; }
noise
refused() { [ "$(state_of 1 | field refused)" -gt 0 ]; }
wait_until 10 refused
ok $? "what is not TLS is refused and counted"
grep -q 'warning link: refused a connection err="TLS handshake failed: .* (from 10.77.0.2)"' "$dir/h1.log"
ok $? "and told with its address"

# --- virtual machines, all the time -------------------------------------------------------
# Creates VMs one after the other through all hosts; what was acknowledged is in $dir/made.
: >"$dir/made"
touch "$dir/writing"
writer()
{
  local n=0
  while [ -e "$dir/writing" ]; do
    n=$((n + 1))
    BLIXARD_ADDR="unix:$dir/h1/blixard.sock,unix:$dir/h2/blixard.sock,unix:$dir/h3/blixard.sock" \
      ctl --timeout 5s vm create "web-$n" --disk 0 >/dev/null 2>&1 && echo "web-$n" >>"$dir/made"
  done
}
writer &
writing=$!
# And clients that do all there is to do with a few names, whose answers are checked in the end.
"$build/tests/integration/history" "$dir/writing" 3 \
  "unix:$dir/h1/blixard.sock,unix:$dir/h2/blixard.sock,unix:$dir/h3/blixard.sock" >"$dir/history" 2>&1 &
history=$!
made() { wc -l <"$dir/made"; }
# [SECONDS [CREATES]]: so many are created within so long
goes_on() { local from; from=$(made); more() { [ "$(made)" -ge $((from + ${2:-3})) ]; }; wait_until "${1:-30}" more; }
goes_on
ok $? "virtual machines are created"

# --- a host dies ------------------------------------------------------------------------
kill -9 "$(cat "$dir/h2.pid")"
wait "$(cat "$dir/h2.pid")" 2>/dev/null
goes_on
ok $? "a host is killed: it goes on without"
start 2
applied=$(state_of 1 | field applied_index)
follows() { [ "$(state_of 2 | field applied_index)" -ge "$applied" ]; } 2>/dev/null
wait_until 60 follows && goes_on
ok $? "it comes back, and catches up"

# --- cuts -------------------------------------------------------------------------------
wait_until 30 leads_elsewhere 2 0
first=$(leader_of 2) k=${first#h}
other=$((k % 3 + 1))
cut_off "$k"
wait_until 30 leads_elsewhere "$other" "$k"
ok $? "the leader is cut off: another one leads"
goes_on
ok $? "the majority goes on"
at "$k" --timeout 3s vm create lonely --disk 0 >"$dir/out" 2>"$dir/err"
[ $? -eq 7 ]
ok $? "the minority refuses writes"
grep -q "does not answer\|do not answer\|no quorum" "$dir/err"
ok $? "and says why"
lose
follows_again() { leads_elsewhere "$k" "$k"; }
wait_until 30 follows_again
ok $? "the cut is over: it follows"

k=$(leader_of 1) k=${k#h} other=$((k % 3 + 1))
lose "iifname port$k"
goes_on 60
ok $? "nobody hears the leader, which hears everybody: it goes on"
lose
wait_until 60 follows_again || goes_on
ok $? "and heals"

k=$(leader_of 1) k=${k#h} other=$((k % 3 + 1))
lose "oifname port$k"
goes_on 60
ok $? "the leader hears nobody, and everybody hears it: it goes on"
lose
goes_on 60
ok $? "and heals"

for _ in 1 2 3 4 5 6; do
  cut_off 3
  read -rt 0.7 <> <(:) || :
  lose
  read -rt 0.7 <> <(:) || :
done
goes_on
ok $? "a host comes and goes: it goes on"

lose "numgen random mod 100 < 5"
goes_on 90 20
ok $? "one packet of twenty is lost: it goes on"
lose

lose "iifname port1" "iifname port2" "iifname port3"
no_leader() { [ -z "$(leader_of 1)" ] && [ -z "$(leader_of 2)" ] && [ -z "$(leader_of 3)" ]; }
wait_until 30 no_leader
ok $? "everybody is alone: nobody leads"
slow 200
no_connection()
{
  local k
  for k in 1 2 3; do [ -z "$(on "$k" ss -Htn state established src "$(address "$k")")" ] || return 1; done
}
wait_until 30 no_connection
lose
leads_somewhere() { [ -n "$(leader_of 1)$(leader_of 2)$(leader_of 3)" ]; }
wait_until 60 leads_somewhere && goes_on 60
ok $? "everything takes 200 ms: it goes on"
slow_enough()
{
  local from
  from=$(date +%s%N)
  at 1 --timeout 5s vm show web-1 >/dev/null 2>&1 && at 2 --timeout 5s vm show web-1 >/dev/null 2>&1
  [ $(($(date +%s%N) - from)) -gt 400000000 ]
}
wait_until 30 slow_enough
ok $? "and takes as long"
quick
wait_until 60 leads_somewhere && goes_on 60
ok $? "and all is well again"

# --- what is left -----------------------------------------------------------------------
rm "$dir/writing"
wait "$writing"
wait "$history"
ok $? "some order of the requests explains every answer ($(head -n 1 "$dir/history"))"
sed 1d "$dir/history" | sed 's/^/# /'
wait_until 60 agreed
ok $? "all agree in the end"
at 1 vm list -o json | sed -n 's/^ *"name": "\(web-[0-9]*\)".*/\1/p' | sort >"$dir/there"
sort "$dir/made" | comm -23 - "$dir/there" >"$dir/out"
[ ! -s "$dir/out" ]
ok $? "nothing that was acknowledged is lost ($(made) virtual machines)"
[ -z "$(uniq -d "$dir/there")" ]
ok $? "nothing is there twice"
! grep -l "Sanitizer\|assertion" "$dir"/h?.log
ok $? "no daemon has complained"
finish
