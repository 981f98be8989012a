# blixardctl: libcli.a is all of it but for main, so that tests can link it.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = cli/args.c cli/args.h cli/bench.c cli/build.c cli/build.h cli/client.c \
	cli/client.h cli/client_list.c cli/command.c cli/command.h cli/completion.c cli/connect.c \
	cli/connect.h cli/context.c cli/context.h cli/context_store.c cli/doctor.c cli/events.c \
	cli/format.c cli/format.h cli/help.c cli/help.h cli/log.c cli/log.h cli/log_agg.c cli/log_merge.c cli/log_merge.h cli/log_nodes.c cli/log_query.c \
	cli/mapped.c cli/mapped.h cli/match.c cli/match.h cli/mem.c cli/output.c \
	cli/output.h cli/params.c cli/params.h cli/parse.c cli/parse.h cli/record.c cli/record.h cli/result.c cli/result.h \
	cli/run.c cli/run.h cli/sql.c cli/trace.c cli/trace.h cli/value.c cli/value.h cli/version.c
libcli_a_SOURCES += cli/audit.c cli/audit.h cli/audit_nodes.c cli/audit_verify.c cli/audit_verify.h cli/audit_faults.c
libcli_a_SOURCES += cli/log_snapshot.c cli/log_level.c
libcli_a_SOURCES += cli/diag.c cli/client_list.c cli/secret.c cli/secret.h cli/tls.c cli/tls.h cli/cert.c cli/cert.h
libcli_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
libcli_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli

CLI_LIBS = libcli.a libpki.a $(LIBCORE) $(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(LZ4_LIBS) $(ZSTD_LIBS) \
	$(SMARTCOLS_LIBS) $(FYAML_LIBS) $(UUID_LIBS) $(CRYPTO_LIBS) -lm -lpthread

bin_PROGRAMS += blixardctl
blixardctl_SOURCES = cli/main.c
blixardctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
blixardctl_LDADD = $(CLI_LIBS)
