# Streams, which link and API stand on.
libdaemon_a_SOURCES += daemon/transport/stream.c daemon/transport/stream.h \
	daemon/transport/peer.c daemon/transport/listener.c daemon/transport/listener.h \
	daemon/transport/tls.c daemon/transport/tls.h daemon/transport/tls_context.c \
	daemon/transport/tls_fault.c daemon/transport/tls_priv.h
