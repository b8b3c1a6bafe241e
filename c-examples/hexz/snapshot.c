/* What the commands that read a snapshot share. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_root(const char *text, uint8_t root[32])
{
    for (int i = 0; i < 64; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        root[i / 2] = (uint8_t)(root[i / 2] << 4 | digit);
    }
    return text[64] == '\0';
}

/* The library's ancestor callback: `user_data` is the struct opening. What it fills in lives until the
 * next ancestor is asked for, or the snapshot is open. */
static int32_t find_ancestor(void *user_data, hexz_ancestor *ancestor)
{
    struct opening *opening = user_data;
    if (ancestor->hint == NULL)
        return 1;
    size_t length = strlen(opening->ancestors) + strlen(ancestor->hint) + 2;
    free(opening->found);
    opening->found = malloc(length);
    if (opening->found == NULL)
        return 1;
    snprintf(opening->found, length, "%s/%s", opening->ancestors, ancestor->hint);
    /* What is not there may still be beside the snapshot. */
    if (access(opening->found, F_OK) != 0)
        return 1;
    ancestor->path = opening->found;
    return 0;
}

void read_ancestors(const struct arguments *args, int first, struct opening *out)
{
    out->opts.parent = args->values[first];
    out->ancestors = args->values[first + 1];
    if (out->ancestors != NULL) {
        out->opts.ancestor = find_ancestor;
        out->opts.ancestor_data = out;
    }
    if (args->values[first + 2] != NULL)
        out->opts.flags |= HEXZ_OPEN_NO_HINTS;
}

int read_opening(const struct command *command, const struct arguments *args, int first,
                 struct meter *meter, struct opening *out)
{
    const hexz_open_opts blank = HEXZ_INIT(hexz_open_opts);
    const char *expected = args->values[first + PASSWORD_OPTION_COUNT];
    const int uses[] = {first, first + 1};
    *out = (struct opening){.opts = blank};
    out->opts.path = out->name = args->operands[0];
    if (expected != NULL) {
        if (!read_root(expected, out->root))
            return usage_error(command->name, "--expect-root '%s' is not 64 hex digits", expected);
        out->opts.expect_root = out->root;
    }
    if (!option_kdf_memory(command, args, first + PASSWORD_OPTION_COUNT + 1,
                           &out->opts.kdf_memory_max_kib))
        return EXIT_USAGE;
    read_ancestors(args, first + PASSWORD_OPTION_COUNT + 2, out);
    out->passwords.command = command->name;
    out->passwords.question = "Password for";
    out->opts.password = supply_password;
    out->opts.password_data = &out->passwords;
    int exit_status = check_input_uses(command, args, 0, uses, 2);
    if (exit_status == EXIT_DONE)
        exit_status = read_password(command, args, first, false, &out->passwords.current);
    /* Who gives a password counts on an encrypted file, and shall hear of a plain one. */
    if (!out->passwords.current.given)
        out->opts.flags |= HEXZ_OPEN_ALLOW_PLAIN;
    if (exit_status == EXIT_DONE && is_standard(out->opts.path)) {
        exit_status = open_input(command->name, NULL, meter, &out->opts.path);
        if (exit_status != EXIT_DONE)
            end_passwords(&out->passwords, HEXZ_OK);
    }
    return exit_status;
}

int open_snapshot(struct opening *opening, const hexz_cancel *cancel, hexz_snapshot **out)
{
    opening->opts.cancel = cancel;
    hexz_status status = hexz_snapshot_open(&opening->opts, out);
    free(opening->found);
    opening->found = NULL;
    if (status == HEXZ_ERR_NOT_ENCRYPTED)
        opening->passwords.exit_status =
            report_error(opening->passwords.command, status,
                         "'%s' is not encrypted; leave the password out if that is as it should be",
                         opening->name);
    return end_passwords(&opening->passwords, status);
}

int choose_stream(const char *command, const hexz_snapshot *snapshot, const char *name,
                  uint32_t *index, hexz_stream_info *info)
{
    hexz_status status = hexz_snapshot_find(snapshot, name != NULL ? name : "disk", index);
    if (status == HEXZ_ERR_NO_STREAM && name == NULL) {
        hexz_info whole = HEXZ_INIT(hexz_info);
        status = hexz_snapshot_info(snapshot, &whole);
        if (status == HEXZ_OK && whole.stream_count != 1)
            return report_error(command, HEXZ_ERR_NO_STREAM,
                                "no stream is called 'disk' and there are %lu; name one with "
                                "--stream (hexz info lists them)",
                                (unsigned long)whole.stream_count);
        *index = 0;
    }
    if (status == HEXZ_OK)
        status = hexz_snapshot_stream(snapshot, *index, info);
    return status == HEXZ_OK ? EXIT_DONE : report_failure(command, status);
}

const char *compression_name(uint32_t compression)
{
    switch (compression) {
    case HEXZ_COMPRESSION_NONE:
        return "none";
    case HEXZ_COMPRESSION_LZ4:
        return "lz4";
    case HEXZ_COMPRESSION_ZSTD:
        return "zstd";
    default:
        return "unknown";
    }
}

void put_compression(FILE *out, uint32_t compression, int32_t level)
{
    fputs(compression_name(compression), out);
    if (compression == HEXZ_COMPRESSION_ZSTD)
        fprintf(out, " level %ld", (long)level);
}
