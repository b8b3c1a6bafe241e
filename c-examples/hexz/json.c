/* JSON as RFC 8259 wants it: always valid UTF-8, though paths are bytes. */
#include "tool.h"

#include <inttypes.h>

static void put_json_string(FILE *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    fputc('"', out);
    while (*s != '\0') {
        size_t length = utf8_sequence(s);
        bool control = *s < 0x20 || *s == 0x7F;
        if (length == 0 || control) {
            /* JSON has no way to say a byte: \u00XX stands for what is not UTF-8 as well. */
            fprintf(out, "\\u%04x", *s);
            length = 1;
        } else if (s[0] == 0xC2 && s[1] < 0xA0) {
            fprintf(out, "\\u%04x", s[1]);
        } else if (*s == '"' || *s == '\\') {
            fprintf(out, "\\%c", *s);
        } else {
            fwrite(s, 1, length, out);
        }
        s += length;
    }
    fputc('"', out);
}

static void put_key(struct json *json, const char *key)
{
    if (json->depth > 0)
        fprintf(json->out, "%s\n%*s", json->empty ? "" : ",", 2 * json->depth, "");
    json->empty = false;
    if (key != NULL) {
        put_json_string(json->out, key);
        fputs(": ", json->out);
    }
}

void json_begin(struct json *json, const char *key, char bracket)
{
    put_key(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->empty = true;
}

void json_end(struct json *json, char bracket)
{
    json->depth--;
    if (!json->empty)
        fprintf(json->out, "\n%*s", 2 * json->depth, "");
    fputc(bracket, json->out);
    json->empty = false;
    if (json->depth == 0)
        fputc('\n', json->out);
}

void json_text(struct json *json, const char *key, const char *value)
{
    put_key(json, key);
    if (value == NULL)
        fputs("null", json->out);
    else
        put_json_string(json->out, value);
}

static bool is_utf8(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = 1;
    for (; *s != '\0' && length > 0; s += length)
        length = utf8_sequence(s);
    return length > 0;
}

void json_path(struct json *json, const char *key, const char *hex_key, const char *value)
{
    json_text(json, key, value);
    if (value == NULL || is_utf8(value))
        return;
    put_key(json, hex_key);
    fputc('"', json->out);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++)
        fprintf(json->out, "%02x", *s);
    fputc('"', json->out);
}

void json_uint(struct json *json, const char *key, uint64_t value)
{
    put_key(json, key);
    fprintf(json->out, "%" PRIu64, value);
}

void json_int(struct json *json, const char *key, int64_t value)
{
    put_key(json, key);
    fprintf(json->out, "%" PRId64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
    put_key(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_hash(struct json *json, const char *key, const uint8_t hash[32])
{
    put_key(json, key);
    fputc('"', json->out);
    for (int i = 0; i < 32; i++)
        fprintf(json->out, "%02x", hash[i]);
    fputc('"', json->out);
}
