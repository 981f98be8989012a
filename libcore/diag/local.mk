# Sources of libcore/diag.
libcore_a_SOURCES += \
	libcore/diag/metric.c libcore/diag/metric.h \
	libcore/diag/promtext.c libcore/diag/promtext.h \
	libcore/diag/memory.c libcore/diag/memory.h \
	libcore/diag/bag.c libcore/diag/bag.h \
	libcore/diag/crumb.c libcore/diag/crumb.h libcore/diag/weight.h \
	libcore/diag/scope.c libcore/diag/scope.h \
	libcore/diag/jout.c libcore/diag/jout.h \
	libcore/diag/report.c libcore/diag/report_fast.c libcore/diag/report.h \
	libcore/diag/envelope.c libcore/diag/envelope.h \
	libcore/diag/envread.c libcore/diag/envread.h \
	libcore/diag/limits.c libcore/diag/limits.h
