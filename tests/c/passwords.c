#include "passwords.h"

struct passwords no_passwords(void)
{
    struct passwords passwords;
    memset(&passwords, 0, sizeof(passwords));
    passwords.thread = pthread_self();
    return passwords;
}

void add_answer(struct passwords *passwords, int32_t code, const void *bytes, size_t len)
{
    size_t i = passwords->answer_count++;
    if (i == ASKINGS_MAX)
        fixture_fail("too many answers", "passwords");
    passwords->answers[i].code = code;
    passwords->answers[i].bytes = bytes;
    passwords->answers[i].len = len;
}

struct passwords password_is(const char *text)
{
    struct passwords passwords = no_passwords();
    add_answer(&passwords, 0, text, strlen(text));
    return passwords;
}

int32_t answer(void *user_data, const hexz_password_request *request, char *buf, size_t capacity, size_t *len)
{
    struct passwords *passwords = user_data;
    size_t turn = passwords->count++, copied, i;

    CHECK(pthread_equal(pthread_self(), passwords->thread));
    CHECK(request->struct_size >= sizeof(*request));
    CHECK_EQ(capacity, PASSWORD_MOST);
    /* What was answered before is not handed out again. */
    for (i = 0; i < capacity && buf[i] == 0; i++)
        ;
    CHECK_EQ(i, capacity);
    if (turn < ASKINGS_MAX) {
        passwords->asked[turn].purpose = request->purpose;
        passwords->asked[turn].attempt = request->attempt;
        if (request->path != NULL)
            (void)snprintf(passwords->asked[turn].path, sizeof(passwords->asked[turn].path), "%s", request->path);
    }
    if (passwords->during != NULL)
        passwords->during(passwords->during_data);
    if (turn >= passwords->answer_count)
        turn = passwords->answer_count - 1;
    copied = passwords->answers[turn].len < capacity ? passwords->answers[turn].len : capacity;
    if (passwords->answers[turn].bytes != NULL)
        memcpy(buf, passwords->answers[turn].bytes, copied);
    if (passwords->answers[turn].len != LEN_UNTOUCHED)
        *len = passwords->answers[turn].len;
    return passwords->answers[turn].code;
}

hexz_build_opts encrypted_build_of(const char *source, const char *output, struct passwords *passwords)
{
    hexz_build_opts opts = build_of(source, output);
    opts.flags |= HEXZ_BUILD_ENCRYPT;
    opts.password = answer;
    opts.password_data = passwords;
    opts.kdf_memory_kib = KDF_LEAST_KIB;
    opts.kdf_passes = 1;
    opts.kdf_lanes = 1;
    return opts;
}

hexz_status open_with(const char *path, struct passwords *passwords, hexz_snapshot **out)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = path;
    opts.password = answer;
    opts.password_data = passwords;
    return hexz_snapshot_open(&opts, out);
}

hexz_status try_password(const char *path, const char *text)
{
    return try_bytes(path, text, strlen(text));
}

hexz_status try_bytes(const char *path, const void *bytes, size_t len)
{
    struct passwords passwords = no_passwords();
    hexz_snapshot *snapshot = NULL;
    hexz_status status;
    add_answer(&passwords, 0, bytes, len);
    add_answer(&passwords, 1, NULL, 0);
    status = open_with(path, &passwords, &snapshot);
    CHECK((snapshot != NULL) == (status == HEXZ_OK));
    hexz_snapshot_close(snapshot);
    return status;
}

hexz_snapshot *must_open_with(const char *path, const char *text)
{
    struct passwords passwords = password_is(text);
    hexz_snapshot *snapshot = NULL;
    if (open_with(path, &passwords, &snapshot) != HEXZ_OK) {
        fprintf(stderr, "set-up failed: open encrypted snapshot: %s\n", hexz_last_error());
        exit(2);
    }
    return snapshot;
}

hexz_rekey_opts rekey_of(const char *path, uint32_t operation, struct passwords *passwords)
{
    hexz_rekey_opts opts = HEXZ_INIT(hexz_rekey_opts);
    opts.path = path;
    opts.operation = operation;
    opts.password = answer;
    opts.password_data = passwords;
    opts.kdf_memory_kib = KDF_LEAST_KIB;
    opts.kdf_passes = 1;
    opts.kdf_lanes = 1;
    return opts;
}
