#include "lib/testlib.h"

#include "unit/cli_capture.h"

#include "codec/json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 16384

/* By descriptor: standard output and standard error. */
static struct capture {
    int saved, file;
    char text[TEXT_MAX];
} captures[3];
static struct bx_buf packed;
static struct bx_pack *pack;

bx_val capture_value(const char *json)
{
    struct bx_err err;

    if (pack == NULL)
        pack = bx_pack_create();
    packed.len = 0;
    if (bx_json_read(&packed, json, strlen(json), SIZE_MAX, &err) != BX_OK)
        fail_msg("%s: %s", json, err.msg);
    return bx_pack_parse(pack, packed.data, packed.len, SIZE_MAX, NULL);
}

void capture_begin(FILE *stream)
{
    char name[] = "/tmp/blixard-capture-XXXXXX";
    int fd = fileno(stream);

    fflush(stream);
    captures[fd].saved = dup(fd);
    captures[fd].file = mkstemp(name);
    assert_true(captures[fd].file >= 0);
    unlink(name);
    dup2(captures[fd].file, fd);
}

const char *capture_end(FILE *stream)
{
    int fd = fileno(stream);
    ssize_t n;

    fflush(stream);
    dup2(captures[fd].saved, fd);
    close(captures[fd].saved);
    n = pread(captures[fd].file, captures[fd].text, TEXT_MAX - 1, 0);
    close(captures[fd].file);
    captures[fd].text[n < 0 ? 0 : n] = '\0';
    return captures[fd].text;
}

void capture_close(void)
{
    bx_pack_destroy(pack);
    bx_buf_release(&packed);
    pack = NULL;
}
