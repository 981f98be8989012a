# Sources of libcore/log, in the order of their dependence.
libcore_a_SOURCES += \
	libcore/log/fs.c libcore/log/fs.h \
	libcore/log/dualcopy.c libcore/log/dualcopy.h \
	libcore/log/vote.c libcore/log/vote.h \
	libcore/log/record.c libcore/log/record.h \
	libcore/log/wal.c libcore/log/wal.h libcore/log/wal_priv.h \
	libcore/log/wal_write.c libcore/log/wal_recover.c \
	libcore/log/snapfile.c libcore/log/snapfile.h libcore/log/snapitem.h \
	libcore/log/snapread.c
