/* The library's texts are written for programs: they say what to set in its structs. Here they say it
 * in options. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* tests/cli/cases/words.sh holds this against what the library's source can say. */
static const struct word {
    const char *name;
    const char *words;
} words[] = {
    {"HEXZ_BUILD_ENCRYPT", "--encrypt"},
    {"HEXZ_BUILD_CDC", "--cdc"},
    {"HEXZ_BUILD_OVERWRITE", "--overwrite"},
    {"HEXZ_BUILD_NO_SYNC", "--no-sync"},
    {"HEXZ_BUILD_ALLOW_BACKING", "--allow-backing"},
    {"HEXZ_BUILD_FORCE_SHARE", "--force-share"},
    {"HEXZ_BUILD_ALLOW_CHANGE", "--allow-change"},
    {"HEXZ_EXTRACT_OVERWRITE", "--overwrite"},
    {"HEXZ_EXTRACT_NO_SYNC", "--no-sync"},
    {"HEXZ_EXTRACT_IN_PLACE", "--in-place"},
    {"HEXZ_EXTRACT_FORCE_SHARE", "--force-share"},
    {"HEXZ_BUILD_FOLD", "--fold"},
    {"HEXZ_FORMAT_AUTO", "--format auto"},
    {"HEXZ_FORMAT_RAW", "--format raw"},
    {"HEXZ_FORMAT_QCOW2", "--format qcow2"},
    {"HEXZ_OPEN_ALLOW_PLAIN", "no password option"},
    {"HEXZ_PROFILE_REFERENCES", "reference blocks"},
    {"HEXZ_PROFILE_FLOAT", "float planes"},
    {"memory_limit", "--memory-limit"},
    {"kdf_memory_kib", "--kdf-memory in KiB"},
    {"kdf_passes", "--kdf-passes"},
    {"kdf_lanes", "--kdf-lanes"},
    {"kdf_memory_max_kib", "--kdf-memory-max in KiB"},
    {"block_size", "--block-size"},
    {"cdc_min", "--cdc-min"},
    {"cdc_avg", "--cdc-avg"},
    {"cdc_max", "--cdc-max"},
    {"opts.custom.compression", "--compression"},
    {"opts.custom.level", "--level"},
    {"opts.threads", "--threads"},
    {"opts.sink", "standard output"},
    {"opts.source_format", "--format"},
    {"0 for the default", "leave the option out"},
    {"say where it is", "say where it is with --parent or --ancestors"},
    {"the ancestor callback", "the folder of --ancestors"},
};
#define WORD_COUNT (sizeof words / sizeof words[0])

#define ALIAS_MAX 3
static struct word aliases[ALIAS_MAX];
static size_t alias_count;
static const struct arguments *typed;

void words_keep(const struct arguments *args)
{
    typed = args;
}

void words_alias(const char *path, const char *alias)
{
    if (alias_count < ALIAS_MAX)
        aliases[alias_count++] = (struct word){path, alias};
}

static bool names_on(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of `name` at `text`, or 0: also if another name only begins like it. */
static size_t name_at(const char *text, const char *name)
{
    size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && !names_on(text[length]) ? length : 0;
}

/* The length of `name` in quotes at `text`, quotes counted, or 0. */
static size_t quoted_at(const char *text, const char *name)
{
    if (name == NULL || *text != '\'')
        return 0;
    size_t length = strlen(name);
    return strncmp(text + 1, name, length) == 0 && text[length + 1] == '\'' ? length + 2 : 0;
}

/* What the user typed stands at `text`: how long it is. */
static size_t typed_at(const char *text)
{
    size_t length = 0;
    for (int i = 0; typed != NULL && length == 0 && i < MAX_OPERANDS; i++)
        length = quoted_at(text, typed->operands[i]);
    for (int i = 0; typed != NULL && length == 0 && i < MAX_OPTIONS; i++)
        length = quoted_at(text, typed->values[i]);
    return length;
}

/* What stands at `text` is left out: the name of a function at the beginning, and "opts.". The profile is named behind it. */
static size_t left_out(const char *text, bool first)
{
    size_t length = 0;
    if (first && strncmp(text, "hexz_", 5) == 0) {
        while (names_on(text[length]))
            length++;
        return strncmp(text + length, ": ", 2) == 0 ? length + 2 : 0;
    }
    if (strncmp(text, "opts.custom: ", 13) == 0)
        return 13;
    return strncmp(text, "opts.", 5) == 0 ? 5 : 0;
}

/* The number of an error that was named before it: " (os error 2)". */
static size_t error_number(const char *text)
{
    static const char begin[] = " (os error ";
    if (strncmp(text, begin, sizeof begin - 1) != 0)
        return 0;
    size_t length = sizeof begin - 1;
    while (text[length] >= '0' && text[length] <= '9')
        length++;
    return text[length] == ')' ? length + 1 : 0;
}

/* Writes what stands for the beginning of `text`, and returns how much of it that is. */
static size_t put_next(FILE *out, const char *text, bool first, bool inside)
{
    size_t length = typed_at(text);
    for (size_t i = 0; i < alias_count; i++) {
        size_t alias_length = quoted_at(text, aliases[i].name);
        if (alias_length > 0) {
            fputs(aliases[i].words, out);
            return alias_length;
        }
    }
    for (size_t i = 0; i < WORD_COUNT && length == 0 && !inside; i++) {
        size_t name_length = name_at(text, words[i].name);
        if (name_length > 0) {
            fputs(words[i].words, out);
            return name_length;
        }
    }
    if (length == 0 && !inside) {
        length = left_out(text, first);
        if (length > 0)
            return length;
    }
    if (length == 0 && error_number(text) > 0)
        return error_number(text);
    length = length > 0 ? length : 1;
    fwrite(text, 1, length, out);
    return length;
}

void put_words(FILE *out, const char *text)
{
    char *said = NULL;
    size_t size;
    FILE *built = open_memstream(&said, &size);
    if (built != NULL) {
        for (const char *at = text; *at != '\0';)
            at += put_next(built, at, at == text, at > text && names_on(at[-1]));
        if (fclose(built) != 0) {
            free(said);
            said = NULL;
        }
    }
    put_text(out, said != NULL ? said : text);
    free(said);
}
