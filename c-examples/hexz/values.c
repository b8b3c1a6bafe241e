/* The values of options: sizes and counts. */
#include "tool.h"

#include <string.h>

/* Digits alone, unlike strtoull, which takes blanks, signs and what does not fit. `rest` is set
 * behind them. */
static bool read_digits(const char *text, uint64_t *out, const char **rest)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    *rest = at;
    return at != text;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* "KiB" and "K" are 1024, "KB" is 1000 (IEC 80000-13; GNU's programs do so too). 0: no unit. */
static uint64_t read_unit(const char *text)
{
    static const char letters[] = "KMGTPE";
    if (*text == '\0' || (upper(*text) == 'B' && text[1] == '\0'))
        return 1;
    const char *letter = strchr(letters, upper(*text));
    if (letter == NULL)
        return 0;
    bool plain = text[1] == '\0';
    bool binary = upper(text[1]) == 'I' && upper(text[2]) == 'B' && text[3] == '\0';
    bool decimal = upper(text[1]) == 'B' && text[2] == '\0';
    if (!plain && !binary && !decimal)
        return 0;
    uint64_t unit = 1;
    for (const char *at = letters; at <= letter; at++)
        unit *= decimal ? 1000 : 1024;
    return unit;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* NULL, or what is wrong with it. */
static const char *read_size(const char *text, uint64_t *out)
{
    static const char no_size[] = "a size, such as 4096, 64K or 64KiB (of 1024), 10MB (of 1000), 1.5G";
    static const char too_large[] = "a size below 16 EiB";
    uint64_t whole, part = 0, scale = 1;
    const char *rest;
    if (!read_digits(text, &whole, &rest))
        return *text >= '0' && *text <= '9' ? too_large : no_size;
    if (*rest == '.') {
        const char *digits = rest + 1;
        if (!read_digits(digits, &part, &rest) || rest - digits > 18)
            return no_size;
        for (; digits < rest; digits++)
            scale *= 10;
    }
    uint64_t unit = read_unit(rest);
    if (unit == 0)
        return no_size;
    uint64_t divisor = common_divisor(unit, scale);
    scale /= divisor;
    if (part % scale != 0)
        return "a size in whole bytes";
    part = part / scale * (unit / divisor);
    if (whole > (UINT64_MAX - part) / unit)
        return too_large;
    *out = whole * unit + part;
    return NULL;
}

static bool refuse_value(const struct command *command, const struct arguments *args, int option,
                         const char *wanted)
{
    usage_error(command->name, "--%s '%s' is not %s", command->options[option].name,
                args->values[option], wanted);
    return false;
}

bool option_size(const struct command *command, const struct arguments *args, int option,
                 uint64_t *out)
{
    if (args->values[option] == NULL)
        return true;
    uint64_t value;
    const char *wrong = read_size(args->values[option], &value);
    if (wrong != NULL)
        return refuse_value(command, args, option, wrong);
    *out = value;
    return true;
}

bool option_size32(const struct command *command, const struct arguments *args, int option,
                   uint32_t *out)
{
    uint64_t value = *out;
    if (!option_size(command, args, option, &value))
        return false;
    if (value > UINT32_MAX)
        return refuse_value(command, args, option, "less than 4G");
    *out = (uint32_t)value;
    return true;
}

bool option_u32(const struct command *command, const struct arguments *args, int option,
                uint32_t *out)
{
    if (args->values[option] == NULL)
        return true;
    uint64_t value;
    const char *rest;
    if (!read_digits(args->values[option], &value, &rest) || *rest != '\0' || value > UINT32_MAX)
        return refuse_value(command, args, option, "a count");
    *out = (uint32_t)value;
    return true;
}

bool option_int32(const struct command *command, const struct arguments *args, int option,
                  int32_t *out)
{
    const char *text = args->values[option];
    if (text == NULL)
        return true;
    bool negative = *text == '-';
    uint64_t value;
    const char *rest;
    if (!read_digits(text + negative, &value, &rest) || *rest != '\0' || value > INT32_MAX)
        return refuse_value(command, args, option, "a whole number");
    *out = negative ? -(int32_t)value : (int32_t)value;
    return true;
}

bool option_kdf_memory(const struct command *command, const struct arguments *args, int option,
                       uint32_t *kib)
{
    uint64_t memory = 0;
    if (args->values[option] == NULL)
        return true;
    if (!option_size(command, args, option, &memory))
        return false;
    /* Zero would be the library's word for its default. */
    if (memory == 0 || memory % 1024 != 0 || memory / 1024 > UINT32_MAX)
        return refuse_value(command, args, option, "a multiple of 1K from 1K to 4T");
    *kib = (uint32_t)(memory / 1024);
    return true;
}

bool option_kdf(const struct command *command, const struct arguments *args, int first,
                uint32_t *memory_kib, uint32_t *passes, uint32_t *lanes)
{
    if (!option_kdf_memory(command, args, first, memory_kib) ||
        !option_u32(command, args, first + 1, passes) ||
        !option_u32(command, args, first + 2, lanes))
        return false;
    if (args->values[first + 1] != NULL && *passes == 0)
        return refuse_value(command, args, first + 1, "a cost");
    if (args->values[first + 2] != NULL && *lanes == 0)
        return refuse_value(command, args, first + 2, "a cost");
    return true;
}
