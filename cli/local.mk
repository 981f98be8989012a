# blixardctl: libcli.a is what can be tested without a server.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = cli/args.c cli/args.h cli/client.c cli/client.h cli/dial.c cli/dial.h \
	cli/format.c cli/format.h
libcli_a_CFLAGS = $(AM_CFLAGS)

bin_PROGRAMS += blixardctl
blixardctl_SOURCES = cli/main.c cli/command.h cli/output.c cli/vm.c cli/vm.h cli/vm_create.c \
	cli/vm_file.c cli/vm_file.h \
	cli/cluster.c cli/mem.c cli/bench.c cli/sql.c cli/completion.c cli/doctor.c cli/context.c \
	cli/context.h cli/other.c cli/help.c cli/result.c
blixardctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
blixardctl_LDADD = libcli.a $(LIBCORE) $(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(LZ4_LIBS) \
	$(SMARTCOLS_LIBS) $(FYAML_LIBS) $(UUID_LIBS) -lm -lpthread
