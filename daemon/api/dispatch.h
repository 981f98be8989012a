/* dispatch - a request from its arrival to its answer, independent of the transport.
 *
 * A transport creates a call with a copy of the request, extracts method and parameters from it,
 * and runs it; the parameters point into the copy. A call is ended exactly once, by api_reply,
 * api_reply_page, api_reply_items or api_fail; if its client has disconnected, the answer is
 * dropped.
 *
 * A call allocates from its arena, which is reset when the call ends. */
#ifndef API_DISPATCH_H
#define API_DISPATCH_H

#include "api/client.h"
#include "diagnose/diag.h"
#include "mem/arena.h"
#include "wire/event.h"
#include "wire/params.h"
#include "wire/reply.h"

struct api_about;
struct api_metadata;
struct bx_vm;

struct api_call {
    TAILQ_ENTRY(api_call) own;   /* in its client's `pending` */
    TAILQ_ENTRY(api_call) link;  /* in `queue` */
    TAILQ_ENTRY(api_call) same;  /* of those that wait for the same VM */
    struct api_waiters *waiters; /* these, or NULL */
    struct api_calls *queue;     /* where it waits: api->waits, its client's `ready`, or NULL */
    struct api *api;
    struct api_client *client; /* NULL: disconnected */
    /* ---- the caller: the client, or for whom another node asks ---- */
    bool carried;                      /* the latter */
    char principal[API_PRINCIPAL_MAX]; /* the client's, which may go away before a write */
    enum bx_rpc_role role;             /* this and the tenant: when it was checked what it may */
    char tenant[API_TENANT_MAX];       /* the only one that the role is for; empty: all of them */
    struct bx_str scope;               /* whose VMs the call is about; empty: all tenants' */
    char source[API_PARTY_NAME];       /* where the client is: "unix", or its address */
    struct api_party *party;           /* the client's */
    uint64_t id;                       /* the client's id of the request */
    uint64_t from;                     /* id of the node that sent it, when client is the relay */
    enum bx_method method;
    uint8_t trace[16];     /* of the request; zero: a read without one */
    struct bx_buf message; /* the request; the parameters point into it */
    struct bx_arena arena;
    void *params;                     /* the struct described by bx_methods[method]->params */
    bool pooled;                      /* params is from api->configs */
    struct api_metadata *metadata;    /* holds the metadata of a configuration; NULL: none */
    struct diag_request diag;         /* from where its method is known to its answer */
    struct bx_str object;             /* what it was about, if it was refused before that */
    void *state;                      /* private to the method, from the arena */
    struct api_about *about;          /* of a write about a VM or a node; NULL: none */
    void (*then)(struct api_call *c); /* after the barrier, when it is its turn */
    bool list;                        /* `then` answers with a page of a list */
    bool rests;                       /* it does not count as running */
    uint64_t deadline;                /* boot time */
    uint64_t query;                   /* number of the query to another node, or 0 */
    uint64_t asked;                   /* that node */
};

/* The implementation of a method. Each of BX_METHODS has one, api_NAME, in the file of its noun. */
struct api_method {
    void (*run)(struct api_call *c);
    /* The command was applied successfully: send the answer. NULL in methods that do not write. */
    void (*written)(struct api_call *c, const struct bx_outcome *o);
    /* For calls that wait: a VM has changed; the deadline has passed. */
    void (*vm_changed)(struct api_call *c, const struct bx_vm *vm, bool gone);
    void (*expired)(struct api_call *c);
    bool config; /* the parameters contain a VM configuration and come from api->configs */
};
#define API_METHOD_EXTERN(upper, lower) extern const struct api_method api_##lower;
BX_METHODS(API_METHOD_EXTERN)
extern const struct api_method *const api_methods[BX__METHODS]; /* by number */

/* ---- for transports ---- */

/* Create a call with a copy of the n bytes of its request, to be run or dropped. NULL: out of
 * memory. */
struct api_call *api_call_create(struct api *a, struct api_client *client, const uint8_t *p,
                                 size_t n);
/* Find the method, check the client's role and the parameters, and run it. params need be valid
 * only until this returns; its strings must point into the request. */
void api_call_run(struct api_call *c, struct bx_str method, bx_val params);
/* Free a call that is not a valid request, without an answer. */
void api_call_drop(struct api_call *c);

/* ---- for methods ---- */

/* n zeroed bytes from the call's arena. Aborts when out of memory. */
void *api_alloc(struct api_call *c, size_t n);
struct bx_str api_copy(struct api_call *c, struct bx_str s);

/* Answer with one object; NULL: nil. */
void api_reply(struct api_call *c, const struct bx_schema *s, const void *obj);
/* Answer with these items. */
void api_reply_items(struct api_call *c, const struct bx_schema *s, const struct bx_items *items);
void api_fail(struct api_call *c, const struct bx_err *err);
/* Send a notification, unless the client has disconnected or its transport has none. */
void api_notify(struct api_client *client, const char *name, const struct bx_schema *s,
                const void *obj);

/* Call then(c) after a barrier, when it is the client's turn (work.c); at once if the consistency
 * is stale. */
void api_read(struct api_call *c, void (*then)(struct api_call *c));
/* The same for a list: then(c) sends the answer, and never at once. */
void api_list(struct api_call *c, void (*then)(struct api_call *c));
/* Propose a command. On success the method's `written` is called, otherwise the call fails with the
 * outcome's message. */
void api_write(struct api_call *c, uint16_t kind, const void *body, struct bx_str tenant);
/* The same for a command about a VM of the call's scope, or a node. After a barrier, look up what
 * the reference means (state/reference.h) and write its uuid or id to *meant. Both are members of
 * the body, which must live as long as the call. exact: refuse a prefix of a uuid. */
void api_write_about_vm(struct api_call *c, uint16_t kind, const void *body, struct bx_str *ref,
                        bool exact, uint8_t meant[16]);
void api_write_about_node(struct api_call *c, uint16_t kind, const void *body, struct bx_str *ref,
                          uint64_t *meant);
/* Keep the call in api->waits until the method answers it, it expires, or the daemon stops. */
void api_wait(struct api_call *c);
/* The same, and call the method's vm_changed when this VM changes. The call fails when its
 * connection or its party waits for too many already. */
void api_wait_for_vm(struct api_call *c, const uint8_t vm[16]);

/* ---- scope.c ---- */

/* Whether the caller is an administrator of the cluster: who else is told no address of a node. */
bool api_is_admin(const struct api_call *c);
/* Whether there is the tenant that the call is about: BX_OK, or BX_NOT_FOUND. */
int api_check_scope(const struct api_call *c, struct bx_err *err);

/* ---- list.c ---- */

/* The conditions of `match`: fields, and the values that they must have, as text. */
struct api_condition {
    const struct bx_field *field;
    struct bx_str inner, value; /* inner: for a field that is a map, the key in it; or NULL */
};
struct api_match {
    struct api_condition conditions[BX_MATCH_MAX];
    uint32_t n;
};
/* Find the fields that `pairs` names; m points into the pairs. BX_OK, or BX_INVALID for a field
 * that the schema does not have. */
int api_match_open(struct api_match *m, const struct bx_schema *s, const struct bx_pairs *pairs,
                   struct bx_err *err);
/* Whether the object meets all conditions. */
bool api_match_is(const struct api_match *m, const void *obj);

/* The size of a page so far, and the work done to find its items. */
struct api_page {
    uint32_t n, limit, work;
    size_t bytes;
};
void api_page_open(struct api_page *p, struct api_call *c);
/* Count an object. True: it matches, so it belongs to the page. */
bool api_page_take(struct api_page *p, const struct bx_schema *s, const void *obj,
                   const struct api_match *m);
bool api_page_is_full(const struct api_page *p);
/* Notify the client that the list continues after this key; call it before the answer. */
void api_page_continues(struct api_call *c, struct bx_str after);

#define API_AFTER_MAX 160u
/* The objects of a list, in the order of its method's key. */
struct api_source {
    const struct bx_schema *schema; /* of the answer */
    /* Start after the object with this key, whether or not it exists: a struct bx_str, or a
     * uint64_t if the key is a number. NULL: start with the first object. */
    void (*seek)(void *ctx, const void *key);
    const void *(*next)(void *ctx); /* NULL at the end */
    /* The object as a struct of the schema, valid until the next call. */
    const void *(*show)(void *ctx, const void *object);
    void *ctx;
    /* The `after` of the page behind the object, if its key does not tell; NULL: it always does. */
    struct bx_str (*after)(void *ctx, const void *object, char text[API_AFTER_MAX]);
};
/* Objects that are sorted by a number of theirs, as the first member of the ctx of a source. */
struct api_numbered {
    const void **list;
    uint32_t n, next;
    size_t number; /* where the number, a uint64_t, is in an object */
};
/* Sort the n objects of the list, which lives as long as *s. */
void api_numbered_sort(struct api_numbered *s, const void **list, uint32_t n, size_t number);
void api_numbered_seek(void *ctx, const void *key);
const void *api_numbered_next(void *ctx);
/* Answer with the page that `after`, `limit` and `match` select. */
void api_reply_page(struct api_call *c, const struct api_source *from);

#endif
