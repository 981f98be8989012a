#!/bin/bash
# What a daemon with a DSN sends, and when: a service that was written from the published format takes
# it, refuses it, asks it to wait, and is away.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if ! grep -q 'define BX_DIAGNOSTICS' "$build/config.h"; then
  echo "1..0 # SKIP built without diagnostics"
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "1..0 # SKIP needs python3"
  exit 0
fi
home=$dir/n1
box=$dir/service
mkdir -p "$box"
BLIXARD_ADDR=unix:$home/blixard.sock
export BLIXARD_ADDR
port=$((20000 + $$ % 20000))
service_pid=
daemon_pid=

stop_all()
{
  [ -z "$daemon_pid" ] || kill "$daemon_pid" 2>/dev/null
  [ -z "$service_pid" ] || kill "$service_pid" 2>/dev/null
  rm -rf "$dir"
}
trap stop_all EXIT

answers() { ctl cluster status >/dev/null 2>&1; }
up_again() { ctl version >/dev/null 2>&1 && ctl diag list >/dev/null 2>&1; }
started() { [ -e "$box/started" ] && [ "$(grep -c . "$box/started" 2>/dev/null)" -ge "$1" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
got() { [ -e "$box/items" ] && [ "$(grep -c " $1 " "$box/items" 2>/dev/null)" -ge "${2:-1}" ]; }
when() { grep -m "${2:-1}" " $1 " "$box/items" | tail -n 1 | cut -d' ' -f1; }
later() { awk -v a="$1" -v b="$2" -v s="$3" 'BEGIN { exit !(b - a >= s) }'; }

starts=0
serve() # answers...
{
  python3 "$src/tests/integration/diag_server.py" "$box" "$@" 2>>"$box/log" &
  service_pid=$!
  starts=$((starts + 1))
  wait_until 20 started "$starts"
}
stop_service()
{
  kill "$service_pid"
  wait "$service_pid" 2>/dev/null
  service_pid=
}

run() # flags...
{
  "$build/blixardd" --data "$home" --name n1 --listen "127.0.0.1:$port" --driver sim "$@" \
    >>"$dir/log" 2>&1 </dev/null &
  daemon_pid=$!
  wait_until 20 up_again
}
end() # signal
{
  kill "-$1" "$daemon_pid"
  wait_until 20 gone "$daemon_pid"
  wait "$daemon_pid" 2>/dev/null
  daemon_pid=
}

# --- a crash before there was a DSN ----------------------------------------------------
run
ctl cluster init >"$dir/out" 2>"$dir/err" && wait_until 20 answers
ok $? "a daemon without a DSN"
end SEGV

serve '429:X-Sentry-Rate-Limits=3:error:organization, 2700:profile::'
dsn=http://abc123@127.0.0.1:$(cat "$box/port")/42
run --diag-dsn "$dsn" --diag-sample 1 --diag-environment test --log-snapshot-every 1
wait_until 20 got '429 event' && wait_until 20 got '200 session' 2
ok $? "the crash and the sessions are sent"
cp "$box/items" "$dir/out"
! got '200 event'
ok $? "while events are limited, sessions are sent and events are not"
wait_until 20 got '200 event' && later "$(when '429 event')" "$(when '200 event')" 3
ok $? "the event is sent again when its limit has passed"
[ "$(when '200 session')" \< "$(when '200 event')" ] && grep -q ' 200 attachment ' "$box/items" &&
  grep -q ' 200 log ' "$box/items"
ok $? "with the recorder's file and its log lines"
grep '"sid"' "$box/payloads" >"$dir/out"
grep -q '"status":"crashed"' "$dir/out" && grep -q '"init":true.*"status":"ok"' "$dir/out"
ok $? "the run before crashed, and this one began"

# --- jobs ------------------------------------------------------------------------------
checked() { grep -q "\"monitor_slug\":\"$1\",\"status\":\"ok\".*\"schedule\":{\"type\":\"interval\",\"value\":$2,\"unit\":\"minute\"}" "$box/payloads"; }
wait_until 20 checked recorder-snapshot 1 && wait_until 20 checked spool-expire 1440
ok $? "periodic jobs check in, with their schedules"

# --- traces ----------------------------------------------------------------------------
wait_until 20 answers
ctl vm create web1 >"$dir/out" 2>"$dir/err"
created() { grep '"type":"transaction"' "$box/payloads" 2>/dev/null | grep -q '"transaction":"vm.create"'; }
wait_until 20 created
ok $? "a sampled request is sent as a trace"
grep '"transaction":"vm.create"' "$box/payloads" | grep -q '"op":"decode".*"op":"propose".*"op":"commit".*"op":"apply".*"op":"reply"'
ok $? "with the times of its parts"

# --- the service is away ---------------------------------------------------------------
stop_service
ctl vm delete web1 --yes >"$dir/out" 2>"$dir/err"
waits() { ctl diag list -o json 2>/dev/null | grep -q '"transaction"'; }
wait_until 20 waits
ok $? "what can not be sent waits"
serve 500 400
deleted() { grep -q '"transaction":"vm.delete"' "$box/payloads"; }
wait_until 40 deleted
ok $? "it is sent once the service is back, after a failure"

# --- drops are told --------------------------------------------------------------------
# After a failure another envelope is tried, so it depends on what else was in the spool which one.
refused() { grep -q ' 400 ' "$box/items"; }
wait_until 20 refused
told() { ctl diag send >/dev/null 2>&1; grep -q '"reason":"send_error","category":"[a-z_]*","quantity":1' "$box/payloads"; }
wait_until 20 told
ok $? "what the service refused is counted and reported"

# --- the service asks to wait, for all categories --------------------------------------
stop_service
seen=$(wc -l <"$box/items")
since() { tail -n "+$((seen + 1))" "$box/items" | grep " $1 "; }
serve '429:Retry-After=3'
asked() { since 429 >/dev/null; }
others() { since 200 | grep -v ' client_report '; } # which no limit holds back
resumed() { others >/dev/null; }
wait_until 40 asked && wait_until 20 resumed
ok $? "a service that only says for how long is asked again"
since '[0-9]*' >"$dir/out"
later "$(since 429 | head -n 1 | cut -d' ' -f1)" "$(others | head -n 1 | cut -d' ' -f1)" 3
ok $? "and not before, whatever else there is to send"

# --- the end ---------------------------------------------------------------------------
end TERM
run --diag-dsn "$dsn" --diag-environment test
ended() { grep '"sid"' "$box/payloads" | grep -q '"status":"exited"'; }
wait_until 20 ended
ok $? "an orderly stop is told by the next start"
end KILL
run --diag-dsn "$dsn" --diag-environment test
killed() { grep '"sid"' "$box/payloads" | grep -q '"status":"abnormal"'; }
wait_until 20 killed
ok $? "a daemon that was killed ended abnormally"
cat "$box/bad" "$box/log" >"$dir/out" 2>/dev/null
[ ! -e "$box/bad" ]
ok $? "everything was as the format says"
end TERM

# --- bounds of flags -------------------------------------------------------------------
! "$build/blixardd" --data "$dir/x" --diag-dsn ftp://k@h/1 >"$dir/out" 2>"$dir/err" && grep -q 'https://KEY@HOST/PROJECT' "$dir/err"
ok $? "a DSN that is none is refused"

finish
