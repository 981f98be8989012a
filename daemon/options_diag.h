/* options_diag - the rows of blixardd's table of flags about errors and crashes; options.c has the
 * table and AT. */
#ifndef OPTIONS_DIAG_H
#define OPTIONS_DIAG_H

#include "options_value.h"

#ifdef BX_DIAGNOSTICS
static const struct word options_switches[] = {{"on", true}, {"off", false}, {0}};
#define OPTIONS_DIAG_FLAGS                                                                         \
    {.name = "diag",                                                                               \
     .kind = VALUE_WORD,                                                                           \
     AT(diag),                                                                                     \
     .words = options_switches,                                                                    \
     .argument = "STATE",                                                                          \
     .preset = "on",                                                                               \
     .help = "on or off: keep errors and crashes as envelopes in DATA/diag"},                      \
        {.name = "diag-dsn",                                                                       \
         .kind = VALUE_TEXT,                                                                       \
         AT(diag_dsn),                                                                             \
         .argument = "DSN",                                                                        \
         .help = "send them to https://KEY@HOST/PROJECT, with sessions and check-ins"},            \
        {.name = "diag-environment",                                                               \
         .kind = VALUE_LABEL,                                                                      \
         AT(diag_environment),                                                                     \
         .argument = "NAME",                                                                       \
         .preset = "production",                                                                   \
         .help = "environment that envelopes name"},                                               \
        {.name = "diag-names",                                                                     \
         .kind = VALUE_WORD,                                                                       \
         AT(diag_names),                                                                           \
         .words = options_switches,                                                                \
         .argument = "STATE",                                                                      \
         .preset = "on",                                                                           \
         .help = "off: leave out names of users and hosts, and texts that may have others"},       \
        {.name = "diag-sample",                                                                    \
         .kind = VALUE_U32,                                                                        \
         AT(diag_sample),                                                                          \
         .argument = "N",                                                                          \
         .help = "send a trace of one request in N (default: of none)"},                           \
        {.name = "diag-crumbs",                                                                    \
         .kind = VALUE_U32,                                                                        \
         AT(diag_crumbs),                                                                          \
         .argument = "N",                                                                          \
         .preset = "100",                                                                          \
         .help = "breadcrumbs of an envelope, at most 4096"},                                      \
        {.name = "diag-spool",                                                                     \
         .kind = VALUE_SIZE,                                                                       \
         AT(diag_spool),                                                                           \
         .argument = "SIZE",                                                                       \
         .preset = "64MiB",                                                                        \
         .help = "bytes of envelopes that are kept"},
#else
#define OPTIONS_DIAG_FLAGS
#endif

#endif
