# Sources of libcore/mem, in the order of their dependence.
libcore_a_SOURCES += \
	libcore/mem/alloc.c libcore/mem/alloc.h \
	libcore/mem/track.c libcore/mem/track.h libcore/mem/track_priv.h \
	libcore/mem/track_hooks.c libcore/mem/track_scope.c libcore/mem/track_code.c libcore/mem/track_print.c \
	libcore/mem/poison.h \
	libcore/mem/vec.h \
	libcore/mem/buf.c libcore/mem/buf.h \
	libcore/mem/arena.c libcore/mem/arena.h \
	libcore/mem/pool.c libcore/mem/pool.h \
	libcore/mem/slab.c libcore/mem/slab.h \
	libcore/mem/fifo.c libcore/mem/fifo.h \
	libcore/mem/map.c libcore/mem/map.h \
	libcore/mem/sorted.c libcore/mem/sorted.h \
	libcore/mem/rc.c libcore/mem/rc.h \
	libcore/mem/intern.c libcore/mem/intern.h
