# The connections between nodes.
libdaemon_a_SOURCES += daemon/link/link.c daemon/link/link.h daemon/link/conn.c daemon/link/conn.h \
	daemon/link/peer.c daemon/link/peer.h \
	daemon/link/hello.c daemon/link/stranger.c
