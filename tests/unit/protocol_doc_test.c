/* The tables of docs/PROTOCOL.md are those of the code: what is committed is what this build would
 * write between the lines "<!-- table: NAME -->" and "<!-- end -->".
 *
 * `protocol_doc_test --write` prints the file with the tables of this build. */
#include "lib/testlib.h"

#include "api/priv.h"
#include "wire/frame.h"
#include "wire/level.h"

#include <stdlib.h>
#include <string.h>

#define BEGIN "<!-- table: "
#define END "<!-- end -->\n"

static struct bx_buf out;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    assert_int_equal(bx_buf_append(&out, text, (size_t)n), BX_OK);
}

/* ---- errors ---- */

static const char *const meanings[BX__CODES] = {
    [BX_OK] = "",
    [BX_FAILED] = "any other error",
    [BX_INVALID] = "a parameter is missing, unknown or out of range",
    [BX_UNREACHABLE] = "another node that is needed does not answer",
    [BX_DENIED] = "the caller's role does not allow it",
    [BX_NOT_FOUND] = "no such object, or events that are no longer kept",
    [BX_EXISTS] = "the name is taken",
    [BX_CONFLICT] = "the object is not in a state that allows this, or a request id is used twice",
    [BX_NO_LEADER] = "no leader or no quorum; a write may still be carried out",
    [BX_BUSY] = "a bound is reached; nothing was done",
    [BX_TIMEOUT] = "the time is over; a write was not carried out, a wait has not ended",
    [BX_UNPLACEABLE] = "the VM fits on no node",
    [BX_INTERRUPTED] = "only of `blixardctl`",
    [BX_NO_MEMORY] = "no memory; nothing was done",
    [BX_NO_SPACE] = "a disk is full, or low on space; nothing was done",
    [BX_IO] = "an operation on a file failed",
    [BX_CORRUPT] = "stored data is damaged",
    [BX_MALFORMED] = "received data does not follow its format",
    [BX_TOO_LARGE] = "the request or its answer is beyond a bound",
    [BX_UNSUPPORTED] = "a method or a form that this build does not know",
    [BX_SHUTDOWN] = "the daemon is stopping; a write may still be carried out",
};

static void put_errors(void)
{
    put("| name | code | retryable | meaning |\n|---|---|---|---|\n");
    for (int code = BX_OK + 1; code < BX__CODES; code++) {
        assert_non_null(meanings[code]);
        put("| `%s` | %d | %s | %s |\n", bx_code_name(code), bx_code_exit(code),
            bx_code_retryable(code) ? "yes" : "no", meanings[code]);
    }
}

/* ---- limits ---- */

static const struct {
    const char *what;
    uint64_t value;
    const char *unit, *then; /* what happens beyond it */
} limits[] = {
    {"a message", BX_RPC_FRAME_MAX >> 10, "KiB", "`too_large`"},
    {"a message before it is known who sends it, and the first one over TCP",
     API_UNPROVEN_MAX >> 10, "KiB", "`too_large`"},
    {"nested arrays and maps in a message", BX_PACK_DEPTH, "", "`too_large`"},
    {"until the first valid request, and until it is known who sends it", API_MUTE_MS / 1000, "s",
     "closed"},
    {"until a message that has begun is complete", API_HALF_MS / 1000, "s", "closed"},
    {"without reading an answer that is sent", API_STALL_MS / 1000, "s", "closed"},
    {"the same while the unread answers of its user or address are beyond their share",
     API_SHED_MS / 1000, "s", "closed"},
    {"unread answers of all clients; a user or an address has half of what the others leave",
     API_UNSENT_MAX >> 20, "MiB", "lists wait"},
    {"of them, what a user or an address may have whatever others have", API_UNSENT_LEAST >> 10,
     "KiB", "lists wait"},
    {"until the TLS handshake is over", API_HANDSHAKE_MS / 1000, "s", "closed"},
    {"connections whose handshake is not over, besides the following; half of them of one address",
     API_CONNS_MAX / API_STRANGERS_PART, "", "the oldest is closed"},
    {"connections; an address, a user or a process has half of what the others leave",
     API_CONNS_MAX, "", "`error`, and closed"},
    {"pending requests of a connection, fewer when there are many connections", API_CALLS_PER_CONN,
     "", "not read"},
    {"pending requests of all clients", API_CALLS_MAX, "", "`busy`"},
    {"their bytes; a user or an address has half of what the others leave", API_CALLS_BYTES >> 20,
     "MiB", "`busy`"},
    {"of them, what a user or an address may have whatever others have", API_CALLS_LEAST >> 10,
     "KiB", "`busy`"},
    {"pending `vm.wait` of a connection", API_WAITS_PER_CLIENT, "", "`busy`"},
    {"pending `vm.wait` of all clients", API_WAITS_MAX, "", "`busy`"},
    {"items in a page of a list", BX_PAGE_ITEMS, "", "another page"},
    {"bytes of a page of a list, about", BX_PAGE_BYTES >> 10, "KiB", "another page"},
    {"queries of `sql.query` at a time; a user or an address has half of what the others leave",
     API_SQL_MAX, "", "`busy`"},
    {"the time of one", API_SQL_MS / 1000, "s", "`timeout`"},
    {"the result of one", API_SQL_BYTES >> 20, "MiB", "`too_large`"},
    {"`timeout_ms`", BX_TIMEOUT_MAX_MS, "ms", "`invalid`"},
    {"`timeout_ms` when it is not given", BX_TIMEOUT_DEFAULT_MS, "ms", ""},
};

static void put_limits(void)
{
    put("| what | at most | beyond |\n|---|---|---|\n");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        put("| %s | %llu%s%s | %s |\n", limits[i].what, (unsigned long long)limits[i].value,
            limits[i].unit[0] == '\0' ? "" : " ", limits[i].unit, limits[i].then);
}

/* ---- frames ---- */

static const struct {
    const char *use, *payload; /* payload: of kinds without a schema */
} frames[BX__FRAMES] = {
    [BX_FRAME_HELLO] = {"the first of each side", NULL},
    [BX_FRAME_PING] = {"after a second without a write", "none"},
    [BX_FRAME_PONG] = {"answers PING", "none"},
    [BX_FRAME_RAFT] = {"a message of Raft", "`libcore/wire/raftmsg.h`"},
    [BX_FRAME_RELAY] = {"commands for the leader", "their number, then commands"},
    [BX_FRAME_READ] = {"asks the leader how far to apply before a read", NULL},
    [BX_FRAME_READ_OK] = {"answers READ", NULL},
    [BX_FRAME_HEARTBEAT] = {"this node is alive, and asks to run VMs", NULL},
    [BX_FRAME_GRANT] = {"answers HEARTBEAT: the VMs that it may run", NULL},
    [BX_FRAME_SNAP_DATA] = {"a piece of a snapshot, of the leader", "offset, then bytes"},
    [BX_FRAME_JOIN] = {"a host asks to join", NULL},
    [BX_FRAME_JOINED] = {"answers JOIN", NULL},
    [BX_FRAME_QUERY] = {"a read that only this node can answer", "number, then a request"},
    [BX_FRAME_ANSWER] = {"answers QUERY", "the number, then an answer"},
    [BX_FRAME_STORED] = {"what this node holds for good; from level 2", NULL},
};

static void put_payload(enum bx_frame kind)
{
    const struct bx_schema *s = bx_frame_schema(kind);

    if (s == NULL) {
        assert_non_null(frames[kind].payload);
        put("%s", frames[kind].payload);
        return;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        put("%s`%s`", i == 0 ? "" : ", ", s->fields[i].name);
        if (s->fields[i].since > 1)
            put(" (level %u)", s->fields[i].since);
    }
}

static void put_frames(void)
{
    put("This build reads the levels 1 to %u. A payload has at most %u MiB, before HELLO is "
        "accepted %u KiB.\n\n",
        BX_LEVEL, BX_FRAME_MAX >> 20, BX_FRAME_HELLO_MAX >> 10);
    put("| number | name | what | payload |\n|---|---|---|---|\n");
    for (int kind = BX_FRAME_HELLO; kind < BX__FRAMES; kind++) {
        assert_non_null(frames[kind].use);
        put("| %d | %s | %s | ", kind, bx_frame_name((enum bx_frame)kind), frames[kind].use);
        put_payload((enum bx_frame)kind);
        put(" |\n");
    }
}

/* ---- the file ---- */

static const struct {
    const char *name;
    void (*put)(void);
} tables[] = {{"errors", put_errors}, {"limits", put_limits}, {"frames", put_frames}};

/* The whole file with the tables of this build. */
static void put_all(const char *text)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const char *begin, *end;
        char line[64];

        snprintf(line, sizeof line, BEGIN "%s -->\n", tables[i].name);
        begin = strstr(text, line);
        assert_non_null(begin);
        begin += strlen(line);
        end = strstr(begin, END);
        assert_non_null(end);
        assert_int_equal(bx_buf_append(&out, text, (size_t)(begin - text)), BX_OK);
        tables[i].put();
        text = end;
    }
    assert_null(strstr(text, BEGIN));
    assert_int_equal(bx_buf_append(&out, text, strlen(text)), BX_OK);
}

TEST(the_tables_of_the_protocols_are_those_of_the_code)
{
    const char *text = test_read_source("docs/PROTOCOL.md");

    put_all(text);
    if (strlen(text) != out.len || memcmp(text, out.data, out.len) != 0)
        fail_msg("docs/PROTOCOL.md is old: tests/unit/protocol_doc_test --write prints it");
    bx_buf_release(&out);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--write") == 0) {
        put_all(test_read_source("docs/PROTOCOL.md"));
        fwrite(out.data, 1, out.len, stdout);
        bx_buf_release(&out);
        return 0;
    }
    return test_run(NULL, NULL);
}
