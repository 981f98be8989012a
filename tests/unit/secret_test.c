/* Secrets: the schemas say which values must not be recorded. */
#include "lib/testlib.h"

#include "state/kind.h"
#include "wire/command.h"
#include "wire/frame.h"
#include "wire/proto.h"

#include <string.h>

/* What a host that wants to join has to know, or a part of it. */
static bool is_secret(const char *name)
{
    return strcmp(name, "token") == 0 || strstr(name, "secret") != NULL ||
           strstr(name, "password") != NULL;
}

static void check(const struct bx_schema *s, int depth)
{
    for (uint16_t i = 0; s != NULL && depth < BX_RECORD_DEPTH && i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];

        if (is_secret(f->name) != f->secret)
            fail_msg("%s of %s is %smarked", f->name, s->name, f->secret ? "" : "not ");
        check(f->sub, depth + 1);
    }
}

TEST(every_token_and_secret_of_the_api_is_marked)
{
    for (int m = 0; m < BX__METHODS; m++) {
        check(bx_methods[m]->params, 0);
        check(bx_methods[m]->reply, 0);
        check(bx_methods[m]->other, 0);
    }
    assert_true(bx_methods[BX_M_CLUSTER_JOIN]->params->fields[0].secret);
}

TEST(every_token_and_secret_of_commands_and_frames_is_marked)
{
    check(&bx_cmd_token_create_schema, 0);
    check(&bx_cmd_user_token_create_schema, 0);
    check(bx_kinds[BX_TABLE_USER_TOKEN]->schema, 0);
    check(&bx_cmd_member_join_schema, 0);
    check(&bx_join_schema, 0);
}

int main(void)
{
    return test_run(NULL, NULL);
}
