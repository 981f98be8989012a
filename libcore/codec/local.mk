# Sources of libcore/codec, in the order of their dependence.
libcore_a_SOURCES += \
	libcore/codec/schema.c libcore/codec/schema.h \
	libcore/codec/head.c libcore/codec/head.h \
	libcore/codec/flat.c libcore/codec/flat.h
