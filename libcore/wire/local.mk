# Sources of libcore/wire, in the order of their dependence.
libcore_a_SOURCES += libcore/wire/command.c libcore/wire/command.h \
	libcore/wire/event.c libcore/wire/event.h
libcore_a_SOURCES += libcore/wire/reply.c libcore/wire/reply.h libcore/wire/reply_mem.c \
	libcore/wire/params.c libcore/wire/params.h
libcore_a_SOURCES += libcore/wire/proto.c libcore/wire/proto.h \
	libcore/wire/suggest.c libcore/wire/suggest.h
libcore_a_SOURCES += libcore/wire/frame.c libcore/wire/frame.h \
	libcore/wire/raftmsg.c libcore/wire/raftmsg.h
