# Unit tests: one program a module. Scripts print TAP.
if HAVE_CMOCKA
include tests/lib/local.mk
include tests/unit/mem.mk
include tests/unit/codec.mk
include tests/unit/rec.mk
include tests/unit/diag.mk
include tests/fuzz/local.mk
include tests/unit/model.mk
include tests/unit/wire.mk
include tests/unit/log.mk
include tests/unit/state.mk
include tests/unit/node.mk
include tests/unit/daemon.mk
include tests/unit/vmrun.mk
include tests/unit/cli.mk
include tests/unit/api.mk
include tests/unit/linear.mk
endif
include tests/sim/local.mk
include tests/integration/local.mk
include tests/bench/local.mk
include tests/tsan.mk
include tests/tidy.mk
include tests/coverage.mk
include tests/features.mk
include tests/integration/bootstrap.mk
