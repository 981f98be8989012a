#include "rec/site.h"

#include <strings.h>

/* Made by the linker. Weak: a program may have no site. */
extern struct bx_site *bx_sites_begin[] __asm__("__start_bx_site_table") __attribute__((weak));
extern struct bx_site *bx_sites_end[] __asm__("__stop_bx_site_table") __attribute__((weak));

struct bx_sites bx_sites(void)
{
    return (struct bx_sites){bx_sites_begin, (uint32_t)(bx_sites_end - bx_sites_begin)};
}

static const char *const level_names[BX_LEVELS] = {
    "error", "error", "error", "error", "warning", "info", "info", "debug", "trace",
};

const char *bx_level_name(unsigned level)
{
    return level_names[level < BX_LEVELS ? level : BX_LEVELS - 1];
}

bool bx_level_parse(const char *name, size_t n, enum bx_level *out)
{
    static const struct {
        const char *name;
        enum bx_level level;
    } levels[] = {
        {"error", BX_LEVEL_ERROR}, {"warning", BX_LEVEL_WARNING}, {"warn", BX_LEVEL_WARNING},
        {"info", BX_LEVEL_INFO},   {"debug", BX_LEVEL_DEBUG},     {"trace", BX_LEVEL_TRACE},
    };

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strlen(levels[i].name) == n && strncasecmp(levels[i].name, name, n) == 0) {
            *out = levels[i].level;
            return true;
        }
    return false;
}
