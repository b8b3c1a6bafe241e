/* What hexz build says when it is done. */
#include "tool.h"

#include <inttypes.h>

static uint64_t logical_bytes(const hexz_build_report *report)
{
    return report->bytes_zero + report->bytes_duplicate + report->bytes_inherited +
           report->bytes_unique;
}

static void put_bytes(FILE *out, const char *label, uint64_t bytes)
{
    char text[SIZE_TEXT];
    fprintf(out, "  %-10s %10s  (%" PRIu64 ")\n", label, size_text(bytes, text), bytes);
}

void put_build_report(FILE *out, const char *output, const hexz_build_report *report)
{
    uint64_t logical = logical_bytes(report);
    double seconds = (double)report->total_ns / 1e9;
    put_text(out, is_standard(output) ? "standard output" : output);
    fputs("\n", out);
    put_bytes(out, "logical", logical);
    put_bytes(out, "zero", report->bytes_zero);
    put_bytes(out, "duplicate", report->bytes_duplicate);
    if (report->bytes_inherited > 0)
        put_bytes(out, "inherited", report->bytes_inherited);
    put_bytes(out, "unique", report->bytes_unique);
    put_bytes(out, "stored", report->bytes_stored);
    put_bytes(out, "file", report->file_size);
    if (report->file_size > 0)
        fprintf(out, "  %-10s %10.2f\n", "ratio", (double)logical / (double)report->file_size);
    fprintf(out, "  %-10s %8.2f s", "time", seconds);
    if (seconds > 0)
        fprintf(out, "  (%.0f MB/s)", (double)logical / 1e6 / seconds);
    fprintf(out, "\n");
}

void put_json_build_report(FILE *out, const struct build_paths *paths,
                           const hexz_build_report *report)
{
    struct json json = {.out = out};
    json_begin(&json, NULL, '{');
    json_path(&json, "source", "source_path_bytes_hex", paths->source);
    json_path(&json, "memory", "memory_path_bytes_hex", paths->memory);
    json_path(&json, "output", "output_path_bytes_hex", paths->output);
    json_path(&json, "parent", "parent_path_bytes_hex", paths->parent);
    json_begin(&json, "bases", '[');
    for (size_t i = 0; paths->args != NULL && i < paths->args->repeated_count; i++) {
        if (paths->args->repeated[i].option != paths->base)
            continue;
        json_begin(&json, NULL, '{');
        json_path(&json, "path", "path_bytes_hex", paths->args->repeated[i].value);
        json_end(&json, '}');
    }
    json_end(&json, ']');
    json_uint(&json, "bytes_logical", logical_bytes(report));
    json_uint(&json, "bytes_read", report->bytes_read);
    json_uint(&json, "bytes_zero", report->bytes_zero);
    json_uint(&json, "bytes_duplicate", report->bytes_duplicate);
    json_uint(&json, "bytes_inherited", report->bytes_inherited);
    json_uint(&json, "bytes_unique", report->bytes_unique);
    json_uint(&json, "bytes_stored", report->bytes_stored);
    json_uint(&json, "bytes_dead", report->bytes_dead);
    json_uint(&json, "blocks", report->blocks);
    json_uint(&json, "file_size", report->file_size);
    json_hash(&json, "root", report->root);
    json_uint(&json, "read_ns", report->read_ns);
    json_uint(&json, "hash_ns", report->hash_ns);
    json_uint(&json, "compress_ns", report->compress_ns);
    json_uint(&json, "seal_ns", report->seal_ns);
    json_uint(&json, "write_ns", report->write_ns);
    json_uint(&json, "sync_ns", report->sync_ns);
    json_uint(&json, "total_ns", report->total_ns);
    json_end(&json, '}');
}
