# The HTTP server, and the page that it serves.
EXTRA_DIST += daemon/http/embed.sh $(HTTP_UI)
HTTP_UI = \
	daemon/http/ui/index.html daemon/http/ui/app.css daemon/http/ui/icon.svg \
	daemon/http/ui/js/app.js daemon/http/ui/js/dom.js daemon/http/ui/js/format.js \
	daemon/http/ui/js/live.js daemon/http/ui/js/store.js \
	daemon/http/ui/js/parts/card.js daemon/http/ui/js/parts/chart.js \
	daemon/http/ui/js/parts/table.js daemon/http/ui/js/parts/tiles.js \
	daemon/http/ui/js/views/memory.js daemon/http/ui/js/views/overview.js
if HTTP
libdaemon_a_SOURCES += daemon/http/http.c daemon/http/http.h daemon/http/priv.h \
	daemon/http/conn.c daemon/http/server.c daemon/http/route.c daemon/http/pages.c \
	daemon/http/live.c daemon/http/json.c
nodist_libdaemon_a_SOURCES = daemon/http/assets_data.c
CLEANFILES += daemon/http/assets_data.c
daemon/http/assets_data.c: $(srcdir)/daemon/http/embed.sh $(HTTP_UI)
	$(AM_V_GEN)$(MKDIR_P) daemon/http && \
	  $(SHELL) $(srcdir)/daemon/http/embed.sh $(srcdir)/daemon/http/ui \
	  $(HTTP_UI:daemon/http/ui/%=%) >$@.tmp && mv $@.tmp $@
endif
