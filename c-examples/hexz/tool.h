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

/* What is printed in one go: a path and what is said about it. */
#define TEXT_MAX 8192

/* args.c: one table for each command, from which its parser, its help, the man page and the shells'
 * completions are made. */

#define MAX_OPTIONS 40
#define MAX_OPERANDS 2

struct option_spec {
    const char *name;
    char letter;      /* the short form, or 0 */
    const char *value; /* what --help calls the value (one|other: all there are), or NULL: a switch */
    const char *help;
    bool repeats; /* each time counts, not only the last */
};

/* As many streams as a snapshot may have. */
#define MAX_REPEATED 256

struct arguments {
    const char *operands[MAX_OPERANDS];
    const char *values[MAX_OPTIONS]; /* by index in the command's table; NULL: not given */
    /* Options that repeat, in the order that they were given. */
    struct {
        int option;
        const char *value;
    } repeated[MAX_REPEATED];
    size_t repeated_count;
};

struct command {
    const char *name;
    const char *summary;
    const char *operands;
    int operand_count;
    int optional_operands; /* how many of them may be left out */
    const char *notes; /* printed below the options, or NULL */
    const struct option_spec *options;
    size_t option_count;
    int (*run)(const struct command *command, const struct arguments *args);
};

/* Fills `args`, or prints help or what is wrong and returns false with the status to exit with. */
bool parse_arguments(const struct command *command, int argc, char **argv, struct arguments *args,
                     int *exit_status);
int usage_error(const char *command, const char *format, ...);
/* Whether this is what stands for standard input or output: "-". */
bool is_standard(const char *operand);

/* help.c */

extern const struct command *const commands[];
extern const size_t command_count;
/* NULL if there is none. */
const struct command *find_command(const char *name);
int unknown_command(const char *name);
void put_help(FILE *out);
void put_command_help(FILE *out, const struct command *command);

/* suggest.c: what was meant by a word that is none of those there are */

struct suggestion {
    const char *best; /* NULL: nothing is near enough */
    int distance;
};
/* Considers `word`; the nearest of all that are considered for `typed` is kept. */
void suggest(struct suggestion *suggestion, const char *typed, const char *word);

/* values.c. Each leaves `*out` alone when the option was not given, and prints what is wrong before
 * it returns false. */

/* For the notes of a command. */
#define SIZE_NOTES                                                                                 \
    "Sizes: 64K and 64KiB are powers of 1024, 64KB is a power of 1000; so with M, G, T, P, E.\n"   \
    "1.5M is one as well. Nothing or B behind the number: bytes.\n"
bool option_size(const struct command *command, const struct arguments *args, int option,
                 uint64_t *out);
bool option_u32(const struct command *command, const struct arguments *args, int option,
                uint32_t *out);
bool option_size32(const struct command *command, const struct arguments *args, int option,
                   uint32_t *out);
bool option_int32(const struct command *command, const struct arguments *args, int option,
                  int32_t *out);
/* A size that is asked of the password's key derivation, in KiB; never 0. */
bool option_kdf_memory(const struct command *command, const struct arguments *args, int option,
                       uint32_t *kib);
/* Reads KDF_OPTIONS at `first`. */
bool option_kdf(const struct command *command, const struct arguments *args, int first,
                uint32_t *memory_kib, uint32_t *passes, uint32_t *lanes);

/* password.c */

/* The most bytes that the library takes. */
#define PASSWORD_MAX 1024

/* Options that several commands have, each group in a row of a command's table from `first` on. */
#define PASSWORD_OPTIONS(first)                                                                    \
    [(first)] = {"password-file", 0, "PATH", "the password is what this file holds (-: standard\n" \
                                             "input)"},                                            \
    [(first) + 1] = {"password-fd", 0, "N", "the same from file descriptor N, to its end"}
#define PASSWORD_OPTION_COUNT 2
#define KDF_OPTIONS(first)                                                                         \
    [(first)] = {"kdf-memory", 0, "SIZE", "memory that a try of the password costs (64M)"},        \
    [(first) + 1] = {"kdf-passes", 0, "N", "passes over that memory (3)"},                         \
    [(first) + 2] = {"kdf-lanes", 0, "N", "parts of it filled side by side (4)"}
#define KDF_OPTION_COUNT 3
#define KDF_MAX_OPTION(at)                                                                         \
    [(at)] = {"kdf-memory-max", 0, "SIZE", "refuse a FILE whose password costs more (1G)"}
#define OPEN_OPTIONS(first)                                                                        \
    PASSWORD_OPTIONS(first),                                                                       \
    [(first) + 2] = {"expect-root", 0, "HEX", "the root that FILE must have: 64 hex digits"},      \
    KDF_MAX_OPTION((first) + 3),                                                                   \
    ANCESTOR_OPTIONS((first) + 4)
#define OPEN_OPTION_COUNT (4 + ANCESTOR_OPTION_COUNT)
/* Where the snapshots are that FILE leans on. */
#define ANCESTOR_OPTIONS(first)                                                                    \
    [(first)] = {"parent", 0, "PATH", "the snapshot that FILE was built on"},                      \
    [(first) + 1] = {"ancestors", 0, "FOLDER", "where the snapshots are that FILE leans on, by\n"  \
                                               "the names that it records (beside FILE)"},         \
    [(first) + 2] = {"no-hints", 0, NULL, "do not look beside FILE for the names that it\n" \
                                     "records"}
#define ANCESTOR_OPTION_COUNT 3
/* What a build leans on; the first three are where read_ancestors looks for them. */
#define LEAN_OPTIONS(first)                                                                        \
    [(first) + LEAN_PARENT] = {"parent", 0, "FILE",                                                \
                               "store only what this snapshot, and those that it leans\n"          \
                               "on, do not have: OUTPUT is read with them"},                       \
    [(first) + LEAN_ANCESTORS] = {"ancestors", 0, "FOLDER",                                        \
                                  "where the snapshots are that --parent and --base lean\n"        \
                                  "on, by the names that they record (beside them)"},              \
    [(first) + LEAN_NO_HINTS] = {"no-hints", 0, NULL, "do not look beside them for those names"},  \
    [(first) + LEAN_BASE] = {"base", 0, "FILE",                                                    \
                             "look in this snapshot as well; may be given again", true},     \
    [(first) + LEAN_FOLD] = {"fold", 0, NULL,                                                      \
                             "where those are more than 64 together, store anew what\n"            \
                             "the least-giving ones have"},                                        \
    [(first) + LEAN_PASSWORD] = {"parent-password-file", 0, "PATH",                                \
                                 "the password of what is encrypted among them"},                  \
    [(first) + LEAN_PASSWORD + 1] = {"parent-password-fd", 0, "N",                                 \
                                     "the same from file descriptor N, to its end"}
enum {
    LEAN_PARENT,
    LEAN_ANCESTORS,
    LEAN_NO_HINTS,
    LEAN_BASE,
    LEAN_FOLD,
    LEAN_PASSWORD,
    LEAN_OPTION_COUNT = LEAN_PASSWORD + PASSWORD_OPTION_COUNT
};
/* For the notes of a command. */
#define PASSWORD_BYTES                                                                             \
    "A password has 1 to 1024 bytes. The line's end (LF or CR LF) behind what PATH or N gives\n"   \
    "is not part of it; all other bytes are. A new password is one line of text.\n"
#define PASSWORD_NOTES                                                                             \
    "The password of an encrypted FILE is asked for on the terminal, unless PATH or N gives\n"     \
    "it: then a FILE that is not encrypted is refused.\n" PASSWORD_BYTES

/* A password that was given beforehand. */
struct password {
    const struct option_spec *options; /* of the file and the descriptor */
    bool given;
    bool guessed; /* it need not be the right one: then another is asked for on the terminal */
    size_t length;
    bool carriage_return; /* CR LF stood behind it: the CR follows in `bytes` */
    int answers;          /* how often it can be answered with yet */
    char bytes[PASSWORD_MAX + 3]; /* with a line's end, and one that is too many */
};

/* What supply_password answers with; it asks on the terminal for what was not given. */
struct passwords {
    const char *command;
    const char *question; /* for a password that there is already */
    struct password current, created;
    bool several;    /* files are opened with `current`, which is kept until the end */
    uint32_t unasked; /* attempts for the present file that `current` was given to without asking */
    int exit_status; /* set, and the reason printed, when asking failed */
};

/* Reads what one of PASSWORD_OPTIONS at `first` gives, if any; returns an exit status. A new password
 * must be one that can be typed and told to others: a line of text. */
int read_password(const struct command *command, const struct arguments *args, int first,
                  bool is_new, struct password *out);
/* The library's password callback. `user_data` is a struct passwords. */
int32_t supply_password(void *user_data, const hexz_password_request *request, char *buf,
                        size_t capacity, size_t *length);
/* Wipes them after the library's call, whose failure is printed; returns the exit status. */
int end_passwords(struct passwords *passwords, hexz_status status);
/* passwordfile.c */

/* Through volatile, since a compiler drops what nobody reads afterwards. */
void wipe(void *memory, size_t length);

/* text.c */

/* Length of the UTF-8 sequence at `s`, or 0 if the bytes there are none. */
size_t utf8_sequence(const unsigned char *s);
/* Control characters and bytes that are not UTF-8 come out as \xNN: names from a file or a caller
 * must not drive the terminal. */
void put_text(FILE *out, const char *text);
#define SIZE_TEXT 16
/* "1.4 GiB" into `out`, which is returned. */
const char *size_text(uint64_t bytes, char out[SIZE_TEXT]);

/* words.c: the library's texts are written for who calls it; here they get the command line's words */

/* `text` to `out` as put_text does, with options in place of the library's names. What the user typed
 * stays as it is. */
void put_words(FILE *out, const char *text);
/* What the user typed; kept until the end. */
void words_keep(const struct arguments *args);
/* Where a text says '`path`', `words` are put. Both are kept until the end. */
void words_alias(const char *path, const char *words);

/* report.c: how a run ends */

/* Standard output was closed when the tool began: nobody wants what is no more than a report. */
extern bool output_closed, input_closed;

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

/* A path: bytes, which a second field tells in hex when they are no UTF-8. `hex_key` is its key. */
void json_path(struct json *json, const char *key, const char *hex_key, const char *value);
void json_begin(struct json *json, const char *key, char bracket);
void json_end(struct json *json, char bracket);
void json_text(struct json *json, const char *key, const char *value); /* NULL gives null */
void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_hash(struct json *json, const char *key, const uint8_t hash[32]);

/* meter.c: the progress bar, on standard error when that is a terminal */

#define PROGRESS_OPTIONS(first)                                                                    \
    [(first)] = {"progress", 0, NULL, "show progress though standard error is no terminal:\n"      \
                                      "a line a second"},                                          \
    [(first) + 1] = {"no-progress", 0, NULL, "show none on a terminal either"},                    \
    [(first) + 2] = {"quiet", 'q', NULL, "no progress bar, and no report unless as JSON"}
#define PROGRESS_OPTION_COUNT 3

/* The tool's own phase, beside the library's. */
#define PHASE_READ 1001

struct meter {
    bool shown;
    bool in_lines; /* no terminal: each time a new line */
    int drawn; /* columns of the line on the screen */
    uint32_t phase;
    struct timespec phase_start, last;
};

/* As on a terminal, for commands without PROGRESS_OPTIONS. */
void meter_init(struct meter *meter);
/* What PROGRESS_OPTIONS at `first` say; a usage error is printed. */
bool meter_options(const struct command *command, const struct arguments *args, int first,
                   struct meter *meter);
/* For work of the tool's own. */
void meter_draw(struct meter *meter, uint32_t phase, uint64_t done, uint64_t total);
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

/* spool.c: what has to be in a file for a while, which nobody else sees */

/* In `folder`, or where TMPDIR says; NULL: in TMPDIR, /var/tmp or /tmp. Returns a descriptor, or -1
 * with the failure printed. `purpose` is for its text. */
int spool_file(const char *command, const char *purpose, const char *folder);
const char *spool_folder(void);
/* The folder of a path; the caller frees it. NULL: no memory. */
char *folder_of(const char *path);

/* input.c: standard input as a file that can be read at any place */

/* Makes `*path` one that the library can open. `output` is what will be written, or NULL: the copy, if
 * there must be one, goes into its folder, and ends when nobody reads standard output any more.
 * Returns an exit status. */
int open_input(const char *command, const char *output, struct meter *meter, const char **path);
/* Standard input as a source of the library's that is read front to back, and has `size` bytes. */
struct inlet {
    hexz_source source;
    const char *command;
    uint64_t at;
    bool for_output; /* ends when nobody reads standard output any more */
    int exit_status; /* set, and the reason printed, when reading failed */
};
/* Returns an exit status. */
int inlet_begin(struct inlet *inlet, const char *command, uint64_t size, bool for_output);
/* Standard input can be read once: refuses a second use among the operand (or -1) and the options, whose
 * values are paths or, called N, descriptors. Returns an exit status. */
int check_input_uses(const struct command *command, const struct arguments *args, int operand,
                     const int options[], size_t count);

/* output.c: standard output that carries data */

/* Refuses a terminal, and one that is closed. Returns an exit status. */
int check_output(const char *command, const char *what);
/* Whether what is written to standard output will be read by nobody: its reader has left. A file has none. */
bool reader_left(void);
/* A sink of the library's that is standard output. */
struct outlet {
    hexz_sink sink;
    struct meter *meter;
    const char *command;
    int error;     /* of writing, or 0 */
    bool unwanted; /* outlet_progress found that nobody reads, and stopped the work */
};
void outlet_begin(struct outlet *outlet, const char *command, struct meter *meter);
/* A progress callback, whose `user_data` is the outlet. */
int32_t outlet_progress(void *user_data, const hexz_progress *progress);
/* Whether a call failed because standard output did, or its reader left, or a signal came while it waited:
 * then that is printed, and `*exit_status` set. */
bool outlet_failed(const struct outlet *outlet, int *exit_status);
/* A range of a stream. Returns an exit status. */
int send_stream(const char *command, const hexz_snapshot *snapshot, uint32_t stream, uint64_t offset,
                uint64_t length);

/* snapshot.c: what the commands that read a snapshot share. Each returns an exit status. */

/* What OPEN_OPTIONS and the first operand say. It points into itself: who copies it before it
 * is used sets those pointers again. */
struct opening {
    hexz_open_opts opts;
    const char *name; /* as the user gave it */
    const char *ancestors; /* a folder, or NULL */
    char *found;           /* the last path that was found there */
    struct passwords passwords;
    uint8_t root[32];
};

/* What ANCESTOR_OPTIONS at `first` say. */
void read_ancestors(const struct arguments *args, int first, struct opening *out);
/* Called before cancel_on_signals: a password that does not come can then be interrupted. */
int read_opening(const struct command *command, const struct arguments *args, int first,
                 struct meter *meter, struct opening *out);
int open_snapshot(struct opening *opening, const hexz_cancel *cancel, hexz_snapshot **out);
/* Without a name: "disk", or the only stream there is. */
int choose_stream(const char *command, const hexz_snapshot *snapshot, const char *name,
                  uint32_t *index, hexz_stream_info *info);
const char *compression_name(uint32_t compression);
/* "zstd level 3", "lz4" */
void put_compression(FILE *out, uint32_t compression, int32_t level);

/* streams.c: streams of a build beside disk and memory. Each returns an exit status. What they point
 * `opts` at is kept until the end. */

/* What the options `disk` and `blob`, which repeat, name: NAME=PATH. */
int named_streams(const struct command *command, const struct arguments *args, int disk, int blob,
                  hexz_build_opts *opts);
/* In place of the '-' in `opts`, a source, with what else `opts` names by path. The first streams there are. */
void sourced_streams(const hexz_source *source, hexz_build_opts *opts);
/* All streams of a snapshot. */
int streams_of(const char *command, const hexz_snapshot *snapshot, hexz_build_opts *opts);

/* parents.c: what a build leans on. Each returns an exit status. */

/* Refuses what means nothing without a parent or a base among LEAN_OPTIONS at `first`. */
int check_lean(const struct command *command, const struct arguments *args, int first);
/* Points `opts` at them, opened; its password callback is that of a struct passwords. */
int open_lean(const struct command *command, const struct arguments *args, int first,
              hexz_build_opts *opts);
/* After the build, or without one. */
void close_lean(void);

/* buildreport.c */

/* As the user gave them. */
struct build_paths {
    const char *source, *memory, *output, *parent;
    const struct arguments *args; /* with --base, option number `base`, or NULL */
    int base;
};
void put_build_report(FILE *out, const char *output, const hexz_build_report *report);
void put_json_build_report(FILE *out, const struct build_paths *paths,
                           const hexz_build_report *report);

extern const struct command build_command, cat_command, convert_command, diff_command, extents_command,
    extract_command, flatten_command, help_command, info_command, profiles_command, rekey_command, verify_command, version_command;

#endif
