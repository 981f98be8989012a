#!/bin/bash
# Choosing virtual machines: lists that are narrowed, and commands for several machines at once.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
up 2

# run CODE COMMAND...: runs it, and says whether the exit code is this one
run()
{
  local want=$1 rc=0
  shift
  "$@" >"$dir/out" 2>"$dir/err" </dev/null || rc=$?
  [ "$rc" -eq "$want" ]
}
printed() { [ "$(tr '\n' ' ' <"$dir/out" | sed 's/ $//')" = "$1" ]; }
said() { grep -q -e "$1" "$dir/err"; }
phases() { ctl vm list -o csv -c name,phase --no-headers | tr '\n' ' '; }

create() { ctl vm create "$@" --disk 0 --memory 16MiB >/dev/null 2>"$dir/err"; }
create web-1 --label app=web --label tier=front --node n1
create web-2 --label app=web --node n2
create web-3 --label app=web --node n2 --no-start
create db --label app=db --node n1

# --- lists ---------------------------------------------------------------------------
run 0 ctl vm list -l app=web -o name && printed "web-1 web-2 web-3"
ok $? "by label"
run 0 ctl vm list -l app=web --selector tier=front -o name && printed "web-1"
ok $? "by two labels"
run 0 ctl vm list --phase stopped -o name && printed "web-3"
ok $? "by phase"
run 0 ctl vm list --node n1 -o name && printed "db web-1"
ok $? "by node"
run 0 ctl vm list --node 2 -o name && printed "web-2 web-3"
ok $? "by the number of a node"
run 0 ctl vm list --node n2 --phase running -l app=web -o name && printed "web-2"
ok $? "by all of these"
run 0 ctl vm list --tenant default -l app=db -o name && printed "db"
ok $? "by tenant"
run 0 ctl vm list -l app=none -o json && printed "[]"
ok $? "by what no machine has"
run 5 ctl vm list --node n9 && said 'no node "n9"'
ok $? "by a node that is none"
run 2 ctl vm list --phase runing && said 'available values: .*running'
ok $? "by a phase that is none"
run 2 ctl vm list -l app && said '"app" is not KEY=VALUE'
ok $? "by a label without a value"
run 2 ctl vm list -l app=web -l app=db && said 'a key has one value'
ok $? "by a label with two values"
run 0 ctl node list --state up -o name && printed "n1 n2"
ok $? "nodes by state"
run 0 ctl node list --state down -o name && printed ""
ok $? "nodes by a state that none has"

# --- what a node lacks ---------------------------------------------------------------
ratios() { [ "$(ctl node list -c vcpus_x,memory_x --no-headers | tr -s ' \n' ' ')" = " 4.0 1.0 4.0 1.0 " ]; }
wait_until 30 ratios
ok $? "each node tells its ratios"
run 0 ctl vm create large --memory 12TiB --disk 0
place=$(ctl vm show large -o json | field node)
run 0 ctl vm create second --memory 12TiB --disk 0 --dry-run -o json &&
  tr -d '\n' <"$dir/out" | grep -q '"node": "'"$place"'",[^}]*"rejected": "not enough memory ([0-9]* MiB missing; it has 16777216 MiB x 1.00)"'
ok $? "a node that is too small: by how much, and what it has"
ctl vm stop large >/dev/null && run 0 ctl vm create second --node "$place" --memory 12TiB --disk 0 && run 0 ctl vm start large &&
  [ "$(ctl vm show large -o json | field node)" != "$place" ]
ok $? "a machine without data starts where there is room"
ctl vm delete large second --yes >/dev/null

# --- several names ---------------------------------------------------------------------
run 0 ctl vm stop web-1 web-2 && printed "web-1 is stopped web-2 is stopped"
ok $? "two are stopped"
[ "$(phases)" = "db,running web-1,stopped web-2,stopped web-3,stopped " ]
ok $? "and no other"
run 0 ctl vm start web-1 web-2 -o name && printed "web-1 web-2"
ok $? "two are started"
run 0 ctl vm restart web-1 web-2 -o json && [ "$(grep -c '"epoch": [0-9]' "$dir/out")" -eq 2 ]
ok $? "two are restarted, as a list"
run 5 ctl vm stop web-1 nobody db && said 'no VM "nobody"' && [ "$(phases)" = "db,stopped web-1,stopped web-2,running web-3,stopped " ]
ok $? "one that is not there does not hold up the others"
run 2 ctl vm start && said 'missing argument NAME'
ok $? "no name at all"
id=00112233445566778899aabbccddeeff
run 0 ctl vm start web-1 db --request-id $id && run 0 ctl vm start web-1 db --request-id $id
ok $? "under an id, twice"
run 6 ctl vm start db web-1 --request-id $id
ok $? "the id with other names"

# --- all ---------------------------------------------------------------------------------
run 2 ctl vm stop --all web-1 && said 'names and --all'
ok $? "names and all"
run 2 ctl vm stop -l app=web && said 'or --all'
ok $? "a filter without --all"
run 2 ctl vm stop --all --request-id $id
ok $? "all under an id"
run 0 ctl vm stop --all -l app=web && [ "$(phases)" = "db,running web-1,stopped web-2,stopped web-3,stopped " ]
ok $? "all with a label are stopped"
run 0 ctl vm start --all --phase stopped --node n2 && printed "web-2 is running web-3 is running"
ok $? "all that are stopped on a node are started"
run 0 ctl vm stop --all -l app=none && said 'no matching VMs'
ok $? "all of none is nothing to do"
run 2 ctl vm delete --all -l app=web && said 'not a terminal: pass --yes'
ok $? "deleting all needs --yes"
# on_a_terminal ANSWER COMMAND...: with a terminal as standard input
on_a_terminal()
{
  local answer=$1
  shift
  echo "$answer" | script -qec "$build/blixardctl $*" /dev/null >"$dir/out" 2>&1
}
if command -v script >/dev/null 2>&1; then
  on_a_terminal n vm delete --all -l app=web
  grep -q 'delete 3 VMs (web-1, web-2, web-3)?' "$dir/out" && [ "$(ctl vm list -o name | wc -l)" -eq 4 ]
  ok $? "on a terminal it asks, and names them"
  on_a_terminal n vm delete web-1 db
  grep -q 'delete web-1, db?' "$dir/out" && [ "$(ctl vm list -o name | wc -l)" -eq 4 ]
  ok $? "names, too"
fi
run 0 ctl vm delete --all -l app=web --yes && printed "web-1 is deleted web-2 is deleted web-3 is deleted"
ok $? "all with a label are deleted"
run 0 ctl vm list -o name && printed "db"
ok $? "one is left"
create gone-1 --label app=gone && create gone-2 --label app=gone
run 0 ctl vm delete --all -l app=gone --yes -o json && printed "[]"
ok $? "what is deleted is no row"
create again && run 0 ctl vm delete again db --yes --no-wait
ok $? "two are deleted without waiting"
none() { [ -z "$(ctl vm list -o name)" ]; }
wait_until 10 none
ok $? "and are gone"
finish
