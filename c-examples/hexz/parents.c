/* What a build leans on: a parent and bases, so that it stores only what those do not have. */
#include "tool.h"

#include <stdlib.h>

/* Bytes of cache for each: all that is read of one is what is checked before it counts. */
#define CACHE ((uint64_t)4 << 20)

static const hexz_snapshot *bases[MAX_REPEATED];
static hexz_snapshot *opened[MAX_REPEATED + 1];
static size_t opened_count;

static bool has_base(const struct arguments *args, int first)
{
    for (size_t i = 0; i < args->repeated_count; i++)
        if (args->repeated[i].option == first + LEAN_BASE)
            return true;
    return false;
}

int check_lean(const struct command *command, const struct arguments *args, int first)
{
    if (args->values[first + LEAN_PARENT] != NULL || has_base(args, first))
        return EXIT_DONE;
    for (int option = first; option < first + LEAN_OPTION_COUNT; option++)
        if (args->values[option] != NULL)
            return usage_error(command->name, "--%s means nothing without --%s or --%s",
                               command->options[option].name,
                               command->options[first + LEAN_PARENT].name,
                               command->options[first + LEAN_BASE].name);
    return EXIT_DONE;
}

/* Opens one more of them. */
static int open_one(const struct command *command, const struct arguments *args, int first,
                    const char *path, const hexz_build_opts *build, hexz_snapshot **out)
{
    struct opening opening = {.name = path};
    const hexz_open_opts blank = HEXZ_INIT(hexz_open_opts);
    opening.opts = blank;
    read_ancestors(args, first, &opening);
    opening.opts.parent = NULL;
    opening.opts.path = path;
    opening.opts.cache_size = CACHE;
    if (build->flags & HEXZ_BUILD_ENCRYPT) {
        opening.opts.password = build->password;
        opening.opts.password_data = build->password_data;
        opening.opts.flags |= HEXZ_OPEN_ALLOW_PLAIN;
    }
    hexz_status status = hexz_snapshot_open(&opening.opts, out);
    free(opening.found);
    if (status == HEXZ_OK) {
        opened[opened_count++] = *out;
        return EXIT_DONE;
    }
    if (opening.opts.password != NULL) {
        struct passwords *passwords = build->password_data;
        if (passwords->exit_status != EXIT_DONE)
            return passwords->exit_status;
    } else if (status == HEXZ_ERR_PASSWORD_REQUIRED) {
        return report_error(command->name, HEXZ_ERR_INVALID_ARGUMENT,
                            "'%s' is encrypted, and what leans on it would not be; set --encrypt", path);
    }
    return report_failure(command->name, status);
}

int open_lean(const struct command *command, const struct arguments *args, int first,
              hexz_build_opts *opts)
{
    const char *parent = args->values[first + LEAN_PARENT];
    hexz_snapshot *snapshot;
    int exit_status = EXIT_DONE;
    if (args->values[first + LEAN_ANCESTORS] == NULL && args->values[first + LEAN_NO_HINTS] == NULL) {
        opts->parent = parent;
    } else if (parent != NULL) {
        exit_status = open_one(command, args, first, parent, opts, &snapshot);
        opts->parent_snapshot = exit_status == EXIT_DONE ? snapshot : NULL;
    }
    for (size_t i = 0; i < args->repeated_count && exit_status == EXIT_DONE; i++) {
        if (args->repeated[i].option != first + LEAN_BASE)
            continue;
        exit_status = open_one(command, args, first, args->repeated[i].value, opts, &snapshot);
        if (exit_status == EXIT_DONE)
            bases[opts->base_count++] = snapshot;
    }
    opts->bases = opts->base_count > 0 ? bases : NULL;
    return exit_status;
}

void close_lean(void)
{
    while (opened_count > 0)
        hexz_snapshot_close(opened[--opened_count]);
}
