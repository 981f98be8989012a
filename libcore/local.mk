libcore_a_SOURCES += libcore/err.c libcore/err.h libcore/mutant.h
include libcore/mem/local.mk
include libcore/codec/local.mk
include libcore/rec/local.mk
include libcore/diag/local.mk
include libcore/wire/local.mk
include libcore/log/local.mk
include libcore/state/local.mk
include libcore/node/local.mk
