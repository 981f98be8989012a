/* view_help - what the tests of the view share: one view, and rows for it. */
#ifndef VIEW_HELP_H
#define VIEW_HELP_H

#include "lib/testlib.h"

#include "state/rows.h"

#define U1 "aaaa0000-1111-4111-8111-000000000001"
#define U2 "aaaa0000-2222-4111-8111-000000000002"
#define U3 "bbbb0000-2222-4111-8111-000000000003"

extern struct bx_intern *in;
extern struct bx_view v;

int view_setup(void **state);
int view_teardown(void **state);
/* A row by itself; add_vm and add_node put it into the view. */
struct bx_row *vm_row(const char *name, const char *uuid, uint64_t node);
struct bx_row *add_vm(const char *name, const char *uuid, uint64_t node);
struct bx_row *node_row(uint64_t id, const char *name);
struct bx_row *add_node(uint64_t id, const char *name);

#endif
