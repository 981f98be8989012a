#!/bin/bash
# A hostile peer on the link: everything that it tries is refused, counted and told with a bound, and
# the daemons live on with the memory that they had.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"
if ! command -v python3 >/dev/null; then
  echo "1..0 # SKIP needs python3"
  exit 0
fi
slow=
if grep -q '__asan_init\|__tsan_init' "$build/blixardd"; then slow=1; fi

# A member of another cluster, of which only the directory is needed.
foreign=$dir/foreign
"$build/blixardd" --data "$foreign" --name n2 --listen 127.0.0.1:$((33000 + RANDOM % 1000)) --driver sim --api none \
  --socket "$dir/foreign.sock" >"$dir/foreign.log" 2>&1 &
other=$!
founded() { ctl --addr "unix:$dir/foreign.sock" cluster init >"$dir/out" 2>"$dir/err"; }
wait_until 20 founded
ok $? "there is another cluster"
kill "$other"
wait "$other" 2>/dev/null

export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=4
up 3
${slow:+env BLIXARD_SLOW=1} python3 "$src/tests/integration/hostile_link.py" "$dir" "$build/blixardctl" \
  "$build/tests/integration/hostile_certs" "$foreign" >"$dir/attacks" 2>"$dir/err"
rc=$?
# The numbers of its tests come after ours.
while IFS= read -r line; do
  case $line in
  "ok - "*) tests=$((tests + 1)); echo "ok $tests - ${line#ok - }" ;;
  "not ok - "*) tests=$((tests + 1)); failures=$((failures + 1)); echo "not ok $tests - ${line#not ok - }" ;;
  *) echo "$line" ;;
  esac
done <"$dir/attacks"
[ "$rc" -le 1 ] && [ ! -s "$dir/err" ]
ok $? "all attacks were made"
finish
