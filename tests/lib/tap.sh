#!/bin/bash
# Run a test program and pass its TAP on. Of a test that was skipped cmocka 1.1.5 says "not ok", which
# automake counts as a failure; later versions say "ok".
set -u

"$@" | sed -u 's/^not ok \([0-9]*\) # SKIP /ok \1 # SKIP /'
exit "${PIPESTATUS[0]}"
