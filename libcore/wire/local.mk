# Sources of libcore/wire, in the order of their dependence; those of kinds are in kinds.mk.
libcore_a_SOURCES += libcore/wire/diag.c libcore/wire/diag.h
libcore_a_SOURCES += libcore/wire/proto.c libcore/wire/proto.h \
	libcore/wire/params.c libcore/wire/params.h libcore/wire/reply.c libcore/wire/reply.h \
	libcore/wire/suggest.c libcore/wire/suggest.h libcore/wire/jointoken.c libcore/wire/jointoken.h \
	libcore/wire/filter_check.c libcore/wire/filter_check.h
libcore_a_SOURCES += libcore/wire/level.c libcore/wire/level.h libcore/wire/log.c libcore/wire/log.h
libcore_a_SOURCES += libcore/wire/command.c libcore/wire/command.h \
	libcore/wire/event.c libcore/wire/event.h
libcore_a_SOURCES += libcore/wire/refusal.c libcore/wire/refusal.h libcore/wire/chain.c libcore/wire/chain.h \
	libcore/wire/audit.c libcore/wire/audit.h
libcore_a_SOURCES += libcore/wire/sys.c libcore/wire/sys.h libcore/wire/events.c libcore/wire/events.h \
	libcore/wire/sql.c libcore/wire/sql.h libcore/wire/mem.c libcore/wire/mem.h \
	libcore/wire/logquery.c libcore/wire/logquery.h
libcore_a_SOURCES += libcore/wire/frame.c libcore/wire/frame_read.c libcore/wire/frame.h \
	libcore/wire/raftmsg.c libcore/wire/raftmsg.h
libcore_a_SOURCES += libcore/wire/recorder.c libcore/wire/recorder.h
