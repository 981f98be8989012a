# Errors, crashes and traces as envelopes, and who sends them.
if DIAGNOSTICS
libdaemon_a_SOURCES += \
	daemon/diagnose/diag.c daemon/diagnose/stats.c daemon/diagnose/priv.h \
	daemon/diagnose/attach.c daemon/diagnose/contexts.c daemon/diagnose/scrub.c \
	daemon/diagnose/jobs.c daemon/diagnose/notes.c daemon/diagnose/request.c daemon/diagnose/session.c daemon/diagnose/crashed.c daemon/diagnose/crash_files.c \
	daemon/diagnose/spool.c daemon/diagnose/spool.h \
	daemon/diagnose/outgoing.c daemon/diagnose/outgoing.h \
	daemon/diagnose/dsn.c daemon/diagnose/answer.c daemon/diagnose/send.c daemon/diagnose/send.h
endif
libdaemon_a_SOURCES += daemon/diagnose/diag.h
