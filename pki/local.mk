# Keys and certificates, for blixardd and blixardctl.
noinst_LIBRARIES += libpki.a
libpki_a_SOURCES = pki/key.c pki/make.c pki/openssl.h pki/openssl_log.c pki/openssl_log.h pki/pem.c pki/pki.c \
	pki/pki.h pki/read.c pki/seal.c
libpki_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
