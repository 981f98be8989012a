#!/bin/bash
# The page of the HTTP server in headless Chromium. BLIXARD_PICTURE: a file for a picture of it.
# shellcheck source=tests/lib/cluster.sh disable=SC2154
. "$(dirname "$0")/../lib/cluster.sh"

skip_all()
{
  echo "1..0 # SKIP $1"
  exit 0
}
command -v chromium >/dev/null && command -v chromedriver >/dev/null || skip_all "chromium and chromium-driver are not installed"
"$build/blixardd" --help | grep -q '^  --http ' || skip_all "built without the HTTP server"
up 3
http /metrics | grep -q '^blixard_build_info{' || skip_all "built without metrics"

(while "$build/blixardctl" bench --clients 4 --count 300 --start >/dev/null 2>&1 </dev/null; do :; done) &
load=$!
stop_all()
{
  kill "$load" 2>/dev/null
  wait
  cleanup
}
trap stop_all EXIT
python3 "$src/tests/integration/dashboard.py" "$(sed -n 's/^export BLIXARD_HTTP=//p' "$dir/up.log")" ${BLIXARD_PICTURE:+"$BLIXARD_PICTURE"}
