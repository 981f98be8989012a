# Sources of libcore/diag.
libcore_a_SOURCES += \
	libcore/diag/metric.c libcore/diag/metric.h \
	libcore/diag/promtext.c libcore/diag/promtext.h \
	libcore/diag/memory.c libcore/diag/memory.h
