# blixardctl.
bin_PROGRAMS += blixardctl
blixardctl_SOURCES = cli/main.c cli/command.h cli/args.c cli/args.h cli/client.c cli/client.h \
	cli/output.c cli/vm.c cli/cluster.c cli/other.c
blixardctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
blixardctl_LDADD = $(LIBCORE) $(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(SMARTCOLS_LIBS) -lm
