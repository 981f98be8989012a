# The API server.
libdaemon_a_SOURCES += daemon/api/diag.c daemon/api/auth.c daemon/api/audit.c daemon/api/ca.c daemon/api/secure.c \
	daemon/api/token_use.c
libdaemon_a_SOURCES += daemon/api/api.c daemon/api/api.h daemon/api/priv.h daemon/api/client.h \
	daemon/api/dispatch.c daemon/api/dispatch.h daemon/api/about.c daemon/api/list.c \
	daemon/api/party.c daemon/api/party.h daemon/api/place.c \
	daemon/api/work.c daemon/api/waits.c daemon/api/input.c \
	daemon/api/conn.c daemon/api/conn.h daemon/api/listen.c daemon/api/rpc.c daemon/api/rpc.h \
	daemon/api/relay.c daemon/api/scope.c daemon/api/log.c daemon/api/show.c daemon/api/show.h daemon/api/events.c \
	daemon/api/logfiles.c daemon/api/logquery.c daemon/api/logquery.h daemon/api/mem.c daemon/api/sql.c daemon/api/sys.c daemon/api/upgrade.c
libdaemon_a_SOURCES += daemon/api/log_snapshot.c daemon/api/logsend.c daemon/api/logpage.c \
	daemon/api/logpage.h daemon/api/logplace.c daemon/api/logplace.h
