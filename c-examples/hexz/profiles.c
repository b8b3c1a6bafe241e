/* hexz profiles: the names that --profile takes, and what each stands for. */
#include "tool.h"

#include <inttypes.h>

enum { JSON, OPTION_COUNT };

static const struct option_spec options[OPTION_COUNT] = {
    [JSON] = {"json", 0, NULL, "print JSON"},
};

static void put_profile(const char *name, const hexz_profile *profile)
{
    char block[SIZE_TEXT], min[SIZE_TEXT], avg[SIZE_TEXT], max[SIZE_TEXT];
    printf("%-10s %-5s %5" PRId32 " %9s  %-10s  %s, %s, %s\n", name,
           compression_name(profile->compression), profile->level,
           size_text(profile->block_size, block), profile->dictionary ? "yes" : "no",
           size_text(profile->cdc_min, min), size_text(profile->cdc_avg, avg),
           size_text(profile->cdc_max, max));
}

static void put_json_profile(struct json *json, const char *name, const hexz_profile *profile)
{
    json_begin(json, NULL, '{');
    json_text(json, "name", name);
    json_text(json, "compression", compression_name(profile->compression));
    json_int(json, "level", profile->level);
    json_uint(json, "block_size", profile->block_size);
    json_bool(json, "dictionary", profile->dictionary != 0);
    json_uint(json, "cdc_min", profile->cdc_min);
    json_uint(json, "cdc_avg", profile->cdc_avg);
    json_uint(json, "cdc_max", profile->cdc_max);
    json_end(json, '}');
}

static int run(const struct command *command, const struct arguments *args)
{
    struct json json = {.out = stdout};
    bool as_json = args->values[JSON] != NULL;
    int exit_status = EXIT_DONE;
    if (as_json)
        json_begin(&json, NULL, '[');
    else
        printf("%-10s %-5s %5s %9s  %-10s  %s\n", "PROFILE", "KIND", "LEVEL", "BLOCK", "DICTIONARY",
               "CHUNKS WITH --cdc");
    const char *name;
    for (size_t i = 0; (name = hexz_profile_name(i)) != NULL; i++) {
        hexz_profile profile = HEXZ_INIT(hexz_profile);
        hexz_status status = hexz_profile_resolve(name, &profile);
        if (status != HEXZ_OK) {
            exit_status = report_failure(command->name, status);
            break;
        }
        if (as_json)
            put_json_profile(&json, name, &profile);
        else
            put_profile(name, &profile);
    }
    if (as_json)
        json_end(&json, ']');
    return exit_status;
}

const struct command profiles_command = {
    .name = "profiles",
    .summary = "list the profiles and what each stands for",
    .operands = "",
    .operand_count = 0,
    .options = options,
    .option_count = OPTION_COUNT,
    .run = run,
};
