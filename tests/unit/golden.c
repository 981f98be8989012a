#include "unit/golden.h"

#include "mem/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTORS_MAX 1024u
#define NAME_SIZE 48

static struct vector {
    char name[NAME_SIZE];
    struct bx_buf bytes;
} vectors[VECTORS_MAX];
static size_t vectors_n;

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_hex(struct vector *v, const char *s)
{
    for (; digit(s[0]) >= 0 && digit(s[1]) >= 0; s += 2) {
        uint8_t byte = (uint8_t)(digit(s[0]) << 4 | digit(s[1]));

        bx_buf_append(&v->bytes, &byte, 1);
    }
}

/* A line that starts with a space goes on with the vector before it. */
static void take_line(char *line)
{
    char *text = line + strcspn(line, " \n");

    if (line[0] == '#' || line[0] == '\n')
        return;
    if (line[0] != ' ') {
        assert(vectors_n < VECTORS_MAX && text - line < NAME_SIZE);
        snprintf(vectors[vectors_n++].name, NAME_SIZE, "%.*s", (int)(text - line), line);
    }
    text += strspn(text, " ");
    text[strcspn(text, "\n")] = '\0';
    if (strncmp(vectors[vectors_n - 1].name, "json/", 5) == 0)
        bx_buf_append(&vectors[vectors_n - 1].bytes, text, strlen(text));
    else
        take_hex(&vectors[vectors_n - 1], text);
}

bool golden_open(const char *path)
{
    const char *src = getenv("BLIXARD_SRC");
    char own[4096], *line = NULL;
    size_t size = 0;
    FILE *f;

    snprintf(own, sizeof own, "%s/tests/unit/golden.txt", src == NULL ? "." : src);
    f = fopen(path == NULL ? own : path, "re");
    if (f == NULL)
        return false;
    while (getline(&line, &size, f) > 0)
        take_line(line);
    free(line);
    fclose(f);
    return true;
}

void golden_close(void)
{
    while (vectors_n > 0)
        bx_buf_release(&vectors[--vectors_n].bytes);
}

const uint8_t *golden_find(const char *name, size_t *n)
{
    for (size_t i = 0; i < vectors_n; i++) {
        if (strcmp(vectors[i].name, name) != 0)
            continue;
        *n = vectors[i].bytes.len;
        return vectors[i].bytes.data;
    }
    return NULL;
}

void golden_each(void (*f)(void *ctx, const char *name, const uint8_t *p, size_t n), void *ctx)
{
    for (size_t i = 0; i < vectors_n; i++)
        f(ctx, vectors[i].name, vectors[i].bytes.data, vectors[i].bytes.len);
}
