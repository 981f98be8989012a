# The API server.
libdaemon_a_SOURCES += daemon/api/api.c daemon/api/api.h daemon/api/priv.h daemon/api/conn.c \
	daemon/api/conn.h daemon/api/listen.c \
	daemon/api/call.c daemon/api/params.c daemon/api/encode.c daemon/api/vm.c \
	daemon/api/cluster.c daemon/api/events.c daemon/api/mem.c daemon/api/sql.c
