/* golden - one sample of every type that is stored or sent, and the bytes it had when its format
 * was fixed.
 *
 * The bytes stand in golden.txt: a name, then hexadecimal digits, JSON as text. They are kept for
 * ever, records like these are on disks. A format changes by a new version, whose bytes are added
 * under a new name; the old ones stay, and are read by every later build. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include "codec/schema.h"
#include "mem/buf.h"
#include "wire/ca.h"

#include <stdbool.h>

/* ---- records: what a schema describes ---- */

struct golden_sample {
    const char *name;
    const struct bx_schema *schema;
    const void *object;
};
#define GOLDEN_SAMPLES_MAX 256u
/* The samples; *n of them. */
const struct golden_sample *golden_samples(size_t *n);
/* Those of the API: the parameters of each method, and each answer. */
void golden_api_samples(void (*add)(const char *name, const struct bx_schema *schema,
                                    const void *object));
/* What nodes prove themselves with. */
extern const struct bx_cmd_ca_rotate golden_ca_rotate;
void golden_proof_samples(void (*add)(const char *name, const struct bx_schema *schema,
                                      const void *object));

/* ---- what is made of records: items, frames, files ---- */

struct golden_item {
    const char *name;
    int (*make)(struct bx_buf *out); /* BX_OK: the bytes as this build writes them */
    bool loose; /* liblz4 or the placement chose them: only that they are read is pinned */
};
extern const struct golden_item golden_items[];
extern const size_t golden_items_n;

/* ---- golden.txt ---- */

/* Read the file at path, or where the source tree is when NULL. False: it can not be read. */
bool golden_open(const char *path);
void golden_close(void);
/* Bytes of a name; NULL: not there. 16-aligned, until golden_close. */
const uint8_t *golden_find(const char *name, size_t *n);
void golden_each(void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n), void *ctx);

#endif
