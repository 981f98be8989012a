# Sources of libcore/codec, in the order of their dependence.
libcore_a_SOURCES += \
	libcore/codec/digits.c libcore/codec/digits.h libcore/codec/base64url.c libcore/codec/base64url.h \
	libcore/codec/schema.c libcore/codec/schema.h \
	libcore/codec/header.c libcore/codec/header.h \
	libcore/codec/flat.c libcore/codec/flat_read.c libcore/codec/flat_priv.h libcore/codec/flat.h \
	libcore/codec/pack.c libcore/codec/pack_scan.c libcore/codec/pack_read.c \
	libcore/codec/pack_write.c libcore/codec/pack.h \
	libcore/codec/json.c libcore/codec/json.h \
	libcore/codec/lz.c libcore/codec/lz.h \
	libcore/codec/zst.c libcore/codec/zst.h \
	libcore/codec/count.c libcore/codec/count.h \
	libcore/codec/codec.c libcore/codec/codec.h \
	libcore/codec/hybrid.c libcore/codec/hybrid.h \
	libcore/codec/sha256.c libcore/codec/sha256.h
