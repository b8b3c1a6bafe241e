/* What the parts of the command line tool share. Include it before any system header: it asks for
 * POSIX.1-2008, which -std=c99 hides. */
#ifndef HEXZ_TOOL_H
#define HEXZ_TOOL_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <hexz.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Exit statuses. A signal that cancels adds EXIT_SIGNAL to its number, as shells do. */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_DAMAGED 3
#define EXIT_UNSUPPORTED 4
#define EXIT_SIGNAL 128

/* args.c: one table for each command, from which both its parser and its --help are made. */

#define MAX_OPTIONS 24
#define MAX_OPERANDS 2

struct option_spec {
    const char *name;
    char letter;      /* the short form, or 0 */
    const char *value; /* what --help calls the value, or NULL for a switch */
    const char *help;
};

struct arguments {
    const char *operands[MAX_OPERANDS];
    const char *values[MAX_OPTIONS]; /* by index in the command's table; NULL: not given */
};

struct command {
    const char *name;
    const char *summary;
    const char *operands;
    int operand_count;
    const char *notes; /* printed below the options, or NULL */
    const struct option_spec *options;
    size_t option_count;
    int (*run)(const struct command *command, const struct arguments *args);
};

/* Fills `args`, or prints help or what is wrong and returns false with the status to exit with. */
bool parse_arguments(const struct command *command, int argc, char **argv, struct arguments *args,
                     int *exit_status);
int usage_error(const char *command, const char *format, ...);

/* Each leaves `*out` alone when the option was not given, and prints what is wrong before it
 * returns false. Sizes take K, M, G and T, powers of 1024. */
bool option_size(const struct command *command, const struct arguments *args, int option,
                 uint64_t *out);
bool option_u32(const struct command *command, const struct arguments *args, int option,
                uint32_t *out);
bool option_size32(const struct command *command, const struct arguments *args, int option,
                   uint32_t *out);
bool option_int32(const struct command *command, const struct arguments *args, int option,
                  int32_t *out);

/* password.c */

/* The most bytes that the library takes. */
#define PASSWORD_MAX 1024

/* Options that several commands have, each group in a row of a command's table from `first` on. */
#define PASSWORD_OPTIONS(first)                                                                    \
    [(first)] = {"password-file", 0, "PATH", "the password is what this file holds"},              \
    [(first) + 1] = {"password-fd", 0, "N", "the same from file descriptor N, to its end"}
#define PASSWORD_OPTION_COUNT 2
#define KDF_OPTIONS(first)                                                                         \
    [(first)] = {"kdf-memory", 0, "SIZE", "memory that a try of the password costs (64M)"},        \
    [(first) + 1] = {"kdf-passes", 0, "N", "passes over that memory (3)"},                         \
    [(first) + 2] = {"kdf-lanes", 0, "N", "parts of it filled side by side (4)"}
#define KDF_OPTION_COUNT 3
#define OPEN_OPTIONS(first)                                                                        \
    PASSWORD_OPTIONS(first),                                                                       \
    [(first) + 2] = {"expect-root", 0, "HEX", "the root that FILE must have: 64 hex digits"}
#define OPEN_OPTION_COUNT 3
/* For the notes of a command. */
#define PASSWORD_BYTES                                                                             \
    "A password has 1 to 1024 bytes of any kind. One newline at the end of what PATH or N\n"       \
    "gives is not part of it; all other bytes are.\n"
#define PASSWORD_NOTES                                                                             \
    "The password of an encrypted FILE is asked for on the terminal, unless PATH or N gives\n"     \
    "it: then a FILE that is not encrypted is refused.\n" PASSWORD_BYTES

/* A password that was given beforehand. */
struct password {
    const struct option_spec *options; /* of the file and the descriptor */
    bool given;
    size_t length;
    char bytes[PASSWORD_MAX + 2]; /* with a newline, and one that is too many */
};

/* What supply_password answers with; it asks on the terminal for what was not given. */
struct passwords {
    const char *command;
    const char *question; /* for a password that there is already */
    struct password current, created;
    int exit_status; /* set, and the reason printed, when asking failed */
};

/* Reads what one of PASSWORD_OPTIONS at `first` gives, if any; returns an exit status. */
int read_password(const struct command *command, const struct arguments *args, int first,
                  struct password *out);
/* The library's password callback. `user_data` is a struct passwords. */
int32_t supply_password(void *user_data, const hexz_password_request *request, char *buf,
                        size_t capacity, size_t *length);
/* Wipes them after the library's call, whose failure is printed; returns the exit status. */
int end_passwords(struct passwords *passwords, hexz_status status);
/* Reads KDF_OPTIONS at `first`; leaves alone what was not given. */
bool option_kdf(const struct command *command, const struct arguments *args, int first,
                uint32_t *memory_kib, uint32_t *passes, uint32_t *lanes);

/* text.c */

/* Length of the UTF-8 sequence at `s`, or 0 if the bytes there are none. */
size_t utf8_sequence(const unsigned char *s);
/* Control characters and bytes that are not UTF-8 come out as \xNN: names from a file or a caller
 * must not drive the terminal. */
void put_text(FILE *out, const char *text);
#define SIZE_TEXT 16
/* "1.4 GiB" into `out`, which is returned. */
const char *size_text(uint64_t bytes, char out[SIZE_TEXT]);

/* report.c: how a run ends */

/* Prints the library's text for the failure that this thread just had; returns the exit status. */
int report_failure(const char *command, hexz_status status);
/* For what the tool itself finds wrong; `status` names it as the library would. */
int report_error(const char *command, hexz_status status, const char *format, ...);
/* A failure to write standard output; that its reader has left (EPIPE) ends quietly. */
int output_failure(const char *command, int error);
/* Flushes standard output and turns success into a failure when any of it was lost. */
int finish_output(const char *command, int exit_status);

/* json.c: indented JSON to a stream. Keys are NULL inside arrays. */

struct json {
    FILE *out;
    int depth;
    bool empty; /* nothing yet in the innermost object or array */
};

void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *value); /* NULL gives null */
void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_hash(struct json *json, const char *key, const uint8_t hash[32]);

/* meter.c: the progress bar, on standard error when that is a terminal */

struct meter {
    bool shown;
    int drawn; /* columns of the line on the screen */
    uint32_t phase;
    struct timespec phase_start;
};

void meter_init(struct meter *meter, bool quiet);
/* What to give as progress callback: NULL when nothing is to be drawn. `user_data` is the meter. */
hexz_progress_fn meter_callback(const struct meter *meter);
void meter_clear(struct meter *meter);
double seconds_since(const struct timespec *start);

/* cancel.c: SIGINT, SIGTERM and SIGHUP stop the work under way */

/* NULL, with the failure printed, if there is no handle to be had. */
const hexz_cancel *cancel_on_signals(const char *command);
void cancel_end(void);
/* The signal that came, or 0. */
int cancel_signal(void);

/* snapshot.c: what the commands that read a snapshot share. Each returns an exit status. */

/* What OPEN_OPTIONS and the first operand say. It points into itself, and is not copied. */
struct opening {
    hexz_open_opts opts;
    struct passwords passwords;
    uint8_t root[32];
};

/* Called before cancel_on_signals: a password that does not come can then be interrupted. */
int read_opening(const struct command *command, const struct arguments *args, int first,
                 struct opening *out);
int open_snapshot(struct opening *opening, const hexz_cancel *cancel, hexz_snapshot **out);
/* Without a name: "disk", or the only stream there is. */
int choose_stream(const char *command, const hexz_snapshot *snapshot, const char *name,
                  uint32_t *index, hexz_stream_info *info);
const char *compression_name(uint32_t compression);
/* "zstd level 3", "lz4" */
void put_compression(FILE *out, uint32_t compression, int32_t level);

extern const struct command build_command, cat_command, extents_command, extract_command,
    info_command, profiles_command, rekey_command, verify_command;

#endif
