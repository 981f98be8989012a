# Sources of libcore/wire, in the order of their dependence.
libcore_a_SOURCES += libcore/wire/proto.c libcore/wire/proto.h
