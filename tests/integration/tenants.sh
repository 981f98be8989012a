#!/bin/bash
# Two tenants whose VMs have the same names, on three nodes: what a user of one sees, waits for and changes, on any node
# and as if the other was not there; and how an administrator of the cluster tells them apart.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
unset BLIXARD_TOKEN BLIXARD_TOKEN_FILE
up 3
mkdir "$dir/home"
HOME=$dir/home
export HOME

# expect CODE NAME COMMAND...
expect()
{
  local want=$1 what=$2
  shift 2
  "$@" >"$dir/out" 2>"$dir/err"
  local got=$?
  [ "$got" -eq "$want" ]
  ok $? "$what"
}
says() # pattern, what
{
  grep -q -- "$1" "$dir/out" "$dir/err"
  ok $? "$2"
}
says_not() # pattern, what
{
  ! grep -q -- "$1" "$dir/out" "$dir/err"
  ok $? "$2"
}
as() { ctl --token-file "$dir/$1.token" "${@:2}"; } # user, command
on() { as "$2" --addr "$(socket "$1")" "${@:3}"; }  # node, user, command
make() { ctl user create "$@" && ctl user token create "$1" --out "$dir/$1.token"; }

ctl tenant create blue --quota-vms 4 >"$dir/out" 2>"$dir/err" && ctl tenant create red >>"$dir/out" 2>>"$dir/err"
ok $? "two tenants"
{ make bob --role operator --tenant blue && make vera --role viewer --tenant blue && make anna --role admin --tenant blue &&
  make ruth --role operator --tenant red && make boss --role admin && make vic --role viewer; } >"$dir/out" 2>"$dir/err"
ok $? "and users of each"

# --- the same names ---------------------------------------------------------------------
expect 0 "blue creates a VM" as bob vm create web --disk 0 --node n2
expect 0 "red one of the same name" as ruth vm create web --disk 0 --node n3
expect 0 "and another" as ruth vm create db --disk 0 --node n2
expect 6 "its own name is taken" as ruth vm create web --disk 0
expect 0 "--if-not-exists finds its own" as ruth vm create web --disk 0 --if-not-exists -o json
says '"tenant": "red"' "and no other"
blue=$(as bob vm show web -o json 2>/dev/null | field uuid)
red=$(as ruth vm show web -o json 2>/dev/null | field uuid)
[ -n "$blue" ] && [ -n "$red" ] && [ "$blue" != "$red" ]
ok $? "they are two"

# --- what a tenant sees -----------------------------------------------------------------
for k in 1 2 3; do
  [ "$(on "$k" vera vm list -o name 2>"$dir/err")" = web ]
  ok $? "n$k: a list is of the tenant"
  expect 0 "n$k: a name is its own" on "$k" vera vm show web -o json
  says "$blue" "n$k: whatever others call theirs"
  expect 5 "n$k: another tenant's name is none" on "$k" vera vm show db
  for ref in "$red" "${red:0:8}"; do
    expect 5 "n$k: nor is the uuid ${#ref}" on "$k" vera vm show "$ref"
    says "no VM \"$ref\"" "n$k: as one of nobody"
    expect 5 "n$k: nor in logs" on "$k" vera vm logs "$ref"
    expect 5 "n$k: nor in explain" on "$k" vera vm explain "$ref"
  done
  expect 0 "n$k: logs of a VM on n2" on "$k" vera vm logs web
  expect 0 "n$k: why it is there" on "$k" vera vm explain web
  expect 0 "n$k: SQL" on "$k" vera sql "SELECT name, tenant FROM vms" -o csv
  [ "$(tail -n +2 "$dir/out")" = web,blue ]
  ok $? "n$k: has its own rows"
  expect 4 "n$k: and no way past them" on "$k" vera sql "SELECT name FROM main.vms"
  [ "$(on "$k" vera cluster status -o json 2>"$dir/err" | field vms)" = 1 ]
  ok $? "n$k: the VMs that are counted are its own"
  expect 0 "n$k: nodes" on "$k" vera node list -o json
  says_not '"address": "[^"]' "n$k: have no address"
  says '"vms": 0' "n$k: and what others have there is not told"
  expect 0 "n$k: events" on "$k" vera events
  says "vm.created *web" "n$k: of its VMs"
  says_not " db " "n$k: and of no others"
  says_not "node.joined" "n$k: nor of nodes"
  says_not "ruth" "n$k: nor of users"
done
expect 4 "another tenant is not asked for" as vera vm list --tenant red
expect 0 "its own is" as vera vm list --tenant blue
expect 0 "all of them are its own" as vera vm list --all-tenants -o name
[ "$(cat "$dir/out")" = web ]
ok $? "and no more"
expect 0 "tenants" as vera tenant list -o name
[ "$(cat "$dir/out")" = blue ]
ok $? "are one"
for method in "tenant show red" "mem stats" "log query" "diag list" "cluster token list" "user list"; do
  # shellcheck disable=SC2086 # words of a command
  expect 4 "a viewer of a tenant: no $method" as vera $method
done
expect 4 "nor memory for a viewer of the cluster" as vic mem stats
expect 0 "who sees nodes" as vic node list -o json
says_not '"address": "[^"]' "without an address"
expect 0 "an administrator" as boss node list -o json
says '"address": "[^"]' "sees it"

# --- what a tenant changes --------------------------------------------------------------
for ref in "$red" "${red:0:8}" db; do
  for verb in start stop restart "delete --yes"; do
    # shellcheck disable=SC2086 # words of a command
    expect 5 "blue does not $verb ${ref:0:8}" as bob vm $verb "$ref"
  done
  expect 5 "nor rename ${ref:0:8}" as bob vm rename "$ref" mine
done
expect 0 "it gives its VM a name that red uses" as bob vm rename web db
expect 5 "and has no other" as bob vm show web
[ "$(as ruth vm list -o name 2>"$dir/err" | tr '\n' ' ')" = "db web " ]
ok $? "red has what it had"
expect 0 "and takes it back" as bob vm rename db web
expect 6 "red can not use a name twice" as ruth vm rename db web
expect 4 "nobody creates in another tenant" as bob vm create x --disk 0 --tenant red
for n in 1 2 3; do expect 0 "within its quota" as bob vm create "more$n" --disk 0 --no-start; done
expect 9 "not beyond it" as bob vm create more4 --disk 0 --no-start
says_not red "nothing is said of others"
expect 0 "what it may, it deletes" as bob vm delete more1 more2 more3 --yes
expect 0 "stops and waits" as bob vm stop web
expect 0 "and starts again" as bob vm start web

# --- events as they happen --------------------------------------------------------------
on 3 vera events --follow >"$dir/followed" 2>"$dir/err" &
follower=$!
seen() { grep -q "$1" "$dir/followed"; }
wait_until 30 seen "vm.created *web"
ok $? "events are followed on another node"
expect 0 "red does something" as ruth vm create hidden --disk 0 --no-start
expect 0 "then blue" as bob vm create shown --disk 0 --no-start
wait_until 30 seen "vm.created *shown"
ok $? "blue sees what it did"
! grep -q hidden "$dir/followed"
ok $? "and not what red did before"
kill "$follower" 2>/dev/null
wait "$follower" 2>/dev/null
expect 0 "it is deleted" as bob vm delete shown --yes

# --- of the whole cluster ---------------------------------------------------------------
expect 0 "an administrator lists all" as boss vm list
head -n 1 "$dir/out" | grep -q TENANT
ok $? "with a column for the tenant"
[ "$(as boss vm list -c NAME,TENANT --no-headers 2>"$dir/err" | tr -s ' \n' ' ')" = "db red hidden red web blue web red " ]
ok $? "by name, and then by tenant"
expect 0 "of one tenant" as boss vm list --tenant blue
! head -n 1 "$dir/out" | grep -q TENANT
ok $? "there is no such column"
expect 0 "but in the wide table" as boss vm list --tenant blue -o wide
head -n 1 "$dir/out" | grep -q TENANT
ok $? "there is"
expect 6 "a name of two tenants" as boss vm show web
says "pass --tenant: blue, red" "is refused, and it is said how it goes"
expect 6 "also where it would be deleted" as boss vm delete web --yes
expect 0 "with the tenant it is found" as boss vm show web --tenant red -o json
says "$red" "the right one"
expect 0 "a uuid needs none" as boss vm show "$blue" -o json
expect 5 "a tenant that does not exist" as boss vm list --tenant none
expect 0 "events of one tenant" as boss events --tenant red
says_not "node.joined" "are no others"
expect 0 "SQL of one tenant" as boss sql "SELECT count(*) FROM vms" --tenant blue -o csv
[ "$(tail -n 1 "$dir/out")" = 1 ]
ok $? "sees no others"
expect 0 "users of one tenant" as boss user list --tenant red -o name
[ "$(cat "$dir/out")" = ruth ]
ok $? "are listed"

# --- contexts ---------------------------------------------------------------------------
ctl context set blue --addr "$(socket 1)" --token-file "$dir/boss.token" --tenant blue >"$dir/out" 2>"$dir/err"
ok $? "a context has a tenant"
expect 0 "which commands are about" ctl --context blue vm show web -o json
says "$blue" "so a name is clear"
[ "$(ctl --context blue vm list -o name 2>"$dir/err")" = web ]
ok $? "and lists are short"
[ "$(ctl --context blue vm list --all-tenants -o name 2>"$dir/err" | wc -l)" -eq 4 ]
ok $? "unless all are asked for"
expect 0 "or another one" ctl --context blue vm show web --tenant red -o json
says "$red" "is named"
expect 0 "VMs are created there" ctl --context blue vm create new --disk 0 --no-start -o json
says '"tenant": "blue"' "without saying so"
expect 2 "both flags make no sense" ctl --context blue vm list --tenant red --all-tenants
expect 0 "it is taken back" ctl context set blue --all-tenants
expect 6 "and the name is unclear again" ctl --context blue vm show web

# --- and after all of it ----------------------------------------------------------------
wait_until 30 agree 1 2 3
ok $? "the nodes agree"
for k in 1 2 3; do cluster stop-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
for k in 1 2 3; do cluster start-node "n$k" --dir "$dir"; done >"$dir/out" 2>&1
served() { as bob vm show web -o json >"$dir/out" 2>"$dir/err" && grep -q "$blue" "$dir/out"; }
wait_until 60 served
ok $? "after a restart names are those of the tenants"
finish
