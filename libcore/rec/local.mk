# Sources of libcore/rec, in the order of their dependence.
libcore_a_SOURCES += \
	libcore/rec/site.c libcore/rec/site.h \
	libcore/rec/names.c libcore/rec/names.h \
	libcore/rec/recevent.c libcore/rec/recevent.h \
	libcore/rec/pack.h \
	libcore/rec/ring.c libcore/rec/ring.h \
	libcore/rec/text.c libcore/rec/text.h \
	libcore/rec/journal.c libcore/rec/journal.h \
	libcore/rec/filter.c libcore/rec/filter.h \
	libcore/rec/object.c libcore/rec/object.h \
	libcore/rec/timed.c libcore/rec/timed.h \
	libcore/rec/rec.c libcore/rec/rec.h \
	libcore/rec/recfile.c libcore/rec/recfile.h libcore/rec/recfile_priv.h libcore/rec/recread.c \
	libcore/rec/recarchive.c \
	libcore/rec/recquery.c libcore/rec/recquery.h libcore/rec/recparse.c \
	libcore/rec/rechist.c libcore/rec/rechist.h \
	libcore/rec/recagg.c libcore/rec/recagg.h
