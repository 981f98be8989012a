#!/bin/bash
# The audit: who did what from where, on every node alike; what was refused; and that a record which is changed,
# removed or doubled is found and named.
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
# says NAME PATTERN: on standard output
says()
{
  grep -qE -- "$2" "$dir/out"
  ok $? "$1"
}
as() { ctl --token-file "$dir/$1.token" "${@:2}"; }
make() { ctl user create "$@" >"$dir/out" 2>"$dir/err" && ctl user token create "$1" --out "$dir/$1.token" >>"$dir/out" 2>>"$dir/err"; }
tamper() { python3 "$src/tests/integration/audit_tamper.py" "$@" >"$dir/out" 2>"$dir/err"; }
refusals() { echo "$dir/n$1/audit/refusals-1.bxa"; }

# --- who did what -----------------------------------------------------------------------
make eve --role operator && make vic --role viewer
ok $? "users are created"
expect 0 "a user makes a VM" as eve --addr "$(socket 2)" vm create web-1 --disk 0 --no-start
expect 0 "and another" as eve vm create web-2 --disk 0 --no-start
expect 0 "the list of changes" ctl audit list --object web-1 -o csv -c WHO,FROM,WHAT,OBJECT,OUTCOME
says "names who made one, from where" '^user:eve,unix,vm\.created,web-1,ok$'
expect 0 "reports of nodes" ctl audit list -o csv -c WHO,FROM,WHAT
says "name the node" '^node,node [123],node\.'
wait_until 20 agree 1 2 3
ok $? "the nodes agree"
expect 0 "the same list on another node" ctl audit list --who user:eve --node n3 -o csv -c WHO,OBJECT
says "has the same" '^user:eve,web-2$'
expect 2 "events have no such thing as a bad time" ctl audit list --since yesterday
expect 4 "who may not read it does not" as eve audit list

# --- what was refused -------------------------------------------------------------------
expect 4 "a viewer is refused" as vic --addr "$(socket 3)" vm delete web-1 --yes
expect 6 "so is a name that is taken" as eve vm create web-1 --disk 0 --no-start
revision=$(status_of 1 | field revision)
expect 0 "refusals are listed" ctl audit list --refused -o csv -c WHO,FROM,WHAT,OBJECT,NODE,OUTCOME
says "with who, what and why" '^user:vic,unix,vm\.delete,web-1,n3,denied$'
says "also those that were in conflict" '^user:eve,unix,vm\.create,web-1,n1,exists$'
printf 'blx_%s\n' AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA >"$dir/bad.token" && chmod 600 "$dir/bad.token"
expect 4 "a token that nobody has" as bad vm list
expect 0 "is in the list" ctl audit list --refused -o csv -c WHAT,OUTCOME,MESSAGE
says "as a refused hello" '^sys\.hello,denied,'
[ "$(status_of 1 | field revision)" = "$revision" ]
ok $? "nothing that was refused is a change"
! grep -rqaF blx_AAAA "$dir"/n?/audit
ok $? "no token is in the files"
[ "$(stat -c %a "$(refusals 1)")" = 600 ] && [ "$(stat -c %a "$dir/n1/audit")" = 700 ]
ok $? "nobody else may read them"

# --- is it whole ------------------------------------------------------------------------
expect 0 "the audit is whole" ctl audit verify
says "of all nodes" '^n3: events: revision 1 to [0-9]+: whole$'
says "with their refusals" '^n3: refusals: number 1 to [0-9]+: whole$'
cluster kill-node n2 --dir "$dir" >/dev/null 2>&1
expect 3 "without a node it can not be told" ctl --timeout 3s audit verify
grep -q 'warning: node n2 was not asked' "$dir/err"
ok $? "which is named"
cluster start-node n2 --dir "$dir" >"$dir/err" 2>&1
whole() { ctl --timeout 5s audit verify >"$dir/out" 2>"$dir/err"; }
wait_until 30 whole
ok $? "it is whole after a kill"
expect 0 "the start after it" ctl audit list --refused --node n2 -o csv -c OUTCOME,MESSAGE
says "tells that records may be missing" '^began,.*records may be missing'
ctl audit list -o json >"$dir/export.json" 2>"$dir/err"
expect 0 "an export can be checked" ctl audit verify "$dir/export.json"
expect 0 "and a file of a node" ctl audit verify "$(refusals 1)"
sed 's/user:eve/user:bob/' "$dir/export.json" >"$dir/forged.json"
expect 1 "an export that was changed" ctl audit verify "$dir/forged.json"
says "is damaged" '^damaged: .*revision [0-9]+ was changed$'

# --- a changed event --------------------------------------------------------------------
at=$(ctl audit list --object web-1 -o csv --no-headers -c REVISION,WHAT | sed -n 's/,vm.created$//p')
cluster stop-node n2 --dir "$dir" >/dev/null 2>&1
tamper "$dir/n2/state.db" user:eve user:bob
ok $? "somebody changes who made a VM, in the state of a stopped node"
cluster start-node n2 --dir "$dir" >"$dir/err" 2>&1
up_again() { ctl --timeout 5s audit list --node n2 >"$dir/out" 2>"$dir/err"; }
wait_until 30 up_again
expect 1 "the audit is damaged" ctl audit verify
says "and the record is named" "^damaged: n2: revision $at was changed$"
says "by the others, too" "^damaged: n2: revision $at is another one than node n1 has$"
! grep -q '^damaged: n[13]' "$dir/out"
ok $? "and no other node"
expect 1 "programs are told the same" ctl audit verify -o json
says "as a fault" "\"first\": $at"
cluster stop-node n2 --dir "$dir" >/dev/null 2>&1
rm -f "$dir/n2/state.db"*
cluster start-node n2 --dir "$dir" >"$dir/err" 2>&1
wait_until 30 whole
ok $? "a state that is built anew is whole"

# --- changed refusals -------------------------------------------------------------------
cp "$(refusals 3)" "$dir/kept"
tamper "$(refusals 3)" user:vic user:bob
number=$(cat "$dir/out")
expect 1 "a refusal that was changed" ctl audit verify
says "is named" "^damaged: n3: number $number was changed$"
cp "$dir/kept" "$(refusals 3)"
tamper "$(refusals 3)" --drop "$number"
expect 1 "one that was removed" ctl audit verify
says "is named, too" "^damaged: n3: number $number is missing$"
cp "$dir/kept" "$(refusals 3)"
tamper "$(refusals 3)" --double "$number"
expect 1 "one that is there twice" ctl audit verify
says "as well" "^damaged: n3: number $number is there twice$"
cp "$dir/kept" "$(refusals 3)"
expect 0 "the file as it was is whole" ctl audit verify
printf 'X' | dd of="$(refusals 3)" bs=1 seek=200 conv=notrunc 2>/dev/null
expect 1 "a byte that was changed" ctl audit verify
says "is named by its place" "^damaged: n3: refusals-1.bxa: bytes [0-9]+ to [0-9]+ can not be read$"
cp "$dir/kept" "$(refusals 3)"
finish
