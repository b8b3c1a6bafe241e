/* hexz info: what a snapshot holds, without reading its blocks. */
#include "tool.h"

#include <inttypes.h>

enum { JSON, OPEN, OPTION_COUNT = OPEN + OPEN_OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [JSON] = {"json", 0, NULL, "print JSON"},
    OPEN_OPTIONS(OPEN),
};

static const char notes[] = "FILE - is standard input.\n\n" PASSWORD_NOTES;

static const char *kind_name(uint32_t kind)
{
    switch (kind) {
    case HEXZ_STREAM_DISK:
        return "disk";
    case HEXZ_STREAM_MEMORY:
        return "memory";
    case HEXZ_STREAM_BLOB:
        return "blob";
    default:
        return "unknown";
    }
}

static bool is_zero(const uint8_t hash[32])
{
    uint8_t any = 0;
    for (int i = 0; i < 32; i++)
        any |= hash[i];
    return any == 0;
}

static void put_hash(const char *label, const uint8_t hash[32])
{
    printf("%-15s ", label);
    for (int i = 0; i < 32; i++)
        printf("%02x", hash[i]);
    printf("\n");
}

static void put_bytes(const char *label, uint64_t bytes)
{
    char text[SIZE_TEXT];
    printf("%-15s %s (%" PRIu64 ")\n", label, size_text(bytes, text), bytes);
}

static void put_info(const char *path, const hexz_info *info)
{
    printf("%-15s ", "file");
    put_text(stdout, is_standard(path) ? "standard input" : path);
    printf("\n");
    put_hash("root", info->root);
    if (!is_zero(info->parent_root))
        put_hash("parent root", info->parent_root);
    printf("%-15s %" PRIu32 "\n", "format version", info->format_version);
    put_bytes("file size", info->file_size);
    put_bytes("logical size", info->logical_size);
    printf("%-15s ", "compression");
    put_compression(stdout, info->compression, info->level);
    printf("\n");
    put_bytes("block size", info->block_size);
    printf("%-15s %" PRIu64 "\n", "blocks", info->blocks);
    if (info->dictionary_size > 0)
        put_bytes("dictionary", info->dictionary_size);
    else
        printf("%-15s none\n", "dictionary");
    printf("%-15s %s\n", "cut", info->cdc ? "by content" : "in fixed pages");
    printf("%-15s %s\n", "encrypted", info->encrypted ? "yes" : "no");
}

static void put_json_info(struct json *json, const char *path, const hexz_info *info)
{
    json_path(json, "file", "path_bytes_hex", path);
    json_hash(json, "root", info->root);
    if (is_zero(info->parent_root))
        json_text(json, "parent_root", NULL);
    else
        json_hash(json, "parent_root", info->parent_root);
    json_uint(json, "format_version", info->format_version);
    json_uint(json, "file_size", info->file_size);
    json_uint(json, "logical_size", info->logical_size);
    json_text(json, "compression", compression_name(info->compression));
    json_int(json, "level", info->level);
    json_uint(json, "block_size", info->block_size);
    json_uint(json, "blocks", info->blocks);
    json_uint(json, "dictionary_size", info->dictionary_size);
    json_bool(json, "cdc", info->cdc != 0);
    json_bool(json, "encrypted", info->encrypted != 0);
}

static void put_stream(const hexz_stream_info *stream)
{
    char size[SIZE_TEXT], data[SIZE_TEXT], zero[SIZE_TEXT], stored[SIZE_TEXT];
    printf("%-8s %11s %11s %11s %11s  ", kind_name(stream->kind), size_text(stream->size, size),
           size_text(stream->data_size, data), size_text(stream->zero_size, zero),
           size_text(stream->stored_size, stored));
    put_text(stdout, stream->name);
    printf("\n");
}

static void put_json_stream(struct json *json, const hexz_stream_info *stream)
{
    json_begin(json, NULL, '{');
    json_text(json, "name", stream->name);
    json_text(json, "kind", kind_name(stream->kind));
    json_uint(json, "size", stream->size);
    json_uint(json, "data_size", stream->data_size);
    json_uint(json, "zero_size", stream->zero_size);
    json_uint(json, "stored_size", stream->stored_size);
    json_end(json, '}');
}

static hexz_status put_streams(const hexz_snapshot *snapshot, uint32_t count, struct json *json)
{
    for (uint32_t i = 0; i < count; i++) {
        hexz_stream_info stream = HEXZ_INIT(hexz_stream_info);
        hexz_status status = hexz_snapshot_stream(snapshot, i, &stream);
        if (status != HEXZ_OK)
            return status;
        if (json != NULL)
            put_json_stream(json, &stream);
        else
            put_stream(&stream);
    }
    return HEXZ_OK;
}

static void put_ancestor(const hexz_ancestor_info *ancestor)
{
    char inherited[SIZE_TEXT], size[SIZE_TEXT];
    printf("%11s %11s  ", size_text(ancestor->bytes_inherited, inherited),
           size_text(ancestor->file_size, size));
    for (int i = 0; i < 32; i++)
        printf("%02x", ancestor->root[i]);
    printf("  ");
    put_text(stdout, ancestor->hint[0] != '\0' ? ancestor->hint : "-");
    printf("\n");
}

static void put_json_ancestor(struct json *json, const hexz_ancestor_info *ancestor)
{
    json_begin(json, NULL, '{');
    json_hash(json, "root", ancestor->root);
    if (ancestor->hint[0] != '\0')
        json_path(json, "hint", "path_bytes_hex", ancestor->hint);
    else
        json_text(json, "hint", NULL);
    json_uint(json, "bytes_inherited", ancestor->bytes_inherited);
    json_uint(json, "file_size", ancestor->file_size);
    json_end(json, '}');
}

static hexz_status put_ancestors(const hexz_snapshot *snapshot, uint32_t count, struct json *json)
{
    for (uint32_t i = 0; i < count; i++) {
        hexz_ancestor_info ancestor = HEXZ_INIT(hexz_ancestor_info);
        hexz_status status = hexz_snapshot_ancestor(snapshot, i, &ancestor);
        if (status != HEXZ_OK)
            return status;
        if (json != NULL)
            put_json_ancestor(json, &ancestor);
        else
            put_ancestor(&ancestor);
    }
    return HEXZ_OK;
}

static int run(const struct command *command, const struct arguments *args)
{
    const char *path = args->operands[0];
    struct meter meter;
    struct opening opening;
    meter_init(&meter);
    int exit_status = read_opening(command, args, OPEN, &meter, &opening);
    if (exit_status != EXIT_DONE)
        return exit_status;
    hexz_snapshot *snapshot;
    exit_status = open_snapshot(&opening, NULL, &snapshot);
    if (exit_status != EXIT_DONE)
        return exit_status;
    hexz_info info = HEXZ_INIT(hexz_info);
    hexz_status status = hexz_snapshot_info(snapshot, &info);
    if (status == HEXZ_OK && args->values[JSON] != NULL) {
        struct json json = {.out = stdout};
        json_begin(&json, NULL, '{');
        put_json_info(&json, path, &info);
        json_begin(&json, "streams", '[');
        status = put_streams(snapshot, info.stream_count, &json);
        json_end(&json, ']');
        json_begin(&json, "ancestors", '[');
        if (status == HEXZ_OK)
            status = put_ancestors(snapshot, info.ancestor_count, &json);
        json_end(&json, ']');
        json_end(&json, '}');
    } else if (status == HEXZ_OK) {
        put_info(path, &info);
        printf("\n%-8s %11s %11s %11s %11s  %s\n", "KIND", "SIZE", "DATA", "ZERO", "STORED",
               "STREAM");
        status = put_streams(snapshot, info.stream_count, NULL);
        if (status == HEXZ_OK && info.ancestor_count > 0) {
            printf("\n%11s %11s  %-64s  %s\n", "GIVES", "FILE SIZE", "LEANS ON", "NAME");
            status = put_ancestors(snapshot, info.ancestor_count, NULL);
        }
    }
    if (status != HEXZ_OK)
        exit_status = report_failure(command->name, status);
    hexz_snapshot_close(snapshot);
    return exit_status;
}

const struct command info_command = {
    .name = "info",
    .summary = "tell what a snapshot holds",
    .operands = "FILE",
    .operand_count = 1,
    .notes = notes,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
