/* diag_plain - scopes and envelopes as one writes them without pools, sharing and size estimates:
 * the references of diag.c. */
#ifndef DIAG_PLAIN_H
#define DIAG_PLAIN_H

#include "diag/envelope.h"

struct plain_scope;
/* A child has copies of all that its parent has. */
struct plain_scope *plain_push(const struct plain_scope *parent);
void plain_pop(struct plain_scope *s);
void plain_tag(struct plain_scope *s, const char *key, const char *value);
void plain_crumb(struct plain_scope *s, uint64_t time_ns, const char *level, const char *category,
                 const char *message);
/* Whether the other one has the same tags and breadcrumbs. */
bool plain_has(const struct plain_scope *s, const struct bx_scope *ours);

struct plain_text {
    char *p;
    size_t n;
};
/* The envelope of an event. */
struct plain_text plain_envelope(const struct bx_report *r);
void plain_text_free(struct plain_text *t);

#endif
