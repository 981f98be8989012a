# Sources of libcore/model.
libcore_a_SOURCES += libcore/model/vm.c libcore/model/vm.h \
	libcore/model/node.c libcore/model/node.h \
	libcore/model/tenant.c libcore/model/tenant.h
