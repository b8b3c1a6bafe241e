/* A model's weights and the memory dump beside them into an encrypted snapshot, cut into
 * content-defined chunks; then opened again with the same password, verified, and the weights
 * written out.
 *
 *     cc -std=c99 encrypt.c -lhexz -o encrypt
 *     ./encrypt weights.bin memory.dump run.hxz restored.bin < password-file
 */
#include <hexz.h>
#include <stdio.h>
#include <string.h>

/* The host's own way to a password: here the first line of the standard input. */
struct secret {
    char line[1026];
    size_t len;
};

static int read_secret(struct secret *secret)
{
    if (fgets(secret->line, sizeof secret->line, stdin) == NULL)
        return -1;
    secret->len = strcspn(secret->line, "\n");
    return 0;
}

/* Called by hexz on our thread: once to build, and up to three times to open. */
static int32_t give_password(void *user_data, const hexz_password_request *request, char *buf, size_t capacity,
                             size_t *len)
{
    const struct secret *secret = user_data;
    if (request->attempt > 0)
        return 1; /* we know no other one: decline */
    /* One that is too long is hexz's to refuse: it is told the length, and reads no further. */
    memcpy(buf, secret->line, secret->len < capacity ? secret->len : capacity);
    *len = secret->len;
    return 0;
}

static int fail(const char *what)
{
    fprintf(stderr, "encrypt: %s: %s\n", what, hexz_last_error());
    return 1;
}

static int build(struct secret *secret, char **argv)
{
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = argv[1];
    opts.memory = argv[2];
    opts.output = argv[3];
    opts.profile = "ml";
    opts.flags = HEXZ_BUILD_ENCRYPT | HEXZ_BUILD_CDC;
    opts.password = give_password;
    opts.password_data = secret;
    return hexz_build(&opts) == HEXZ_OK ? 0 : fail("build");
}

static int restore(struct secret *secret, char **argv)
{
    hexz_open_opts opts = HEXZ_INIT(hexz_open_opts);
    opts.path = argv[3];
    opts.password = give_password;
    opts.password_data = secret;
    hexz_snapshot *snapshot;
    if (hexz_snapshot_open(&opts, &snapshot) != HEXZ_OK)
        return fail("open");

    int status = 0;
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_extract_opts extract = HEXZ_INIT(hexz_extract_opts);
    extract.output = argv[4]; /* stream 0 is the source, "disk" */
    if (hexz_snapshot_verify(snapshot, &verify) != HEXZ_OK)
        status = fail("verify");
    else if (hexz_snapshot_extract(snapshot, &extract) != HEXZ_OK)
        status = fail("extract");
    hexz_snapshot_close(snapshot);
    return status;
}

int main(int argc, char **argv)
{
    struct secret secret;
    if (argc != 5) {
        fprintf(stderr, "usage: encrypt SOURCE MEMORY SNAPSHOT RESTORED < PASSWORD\n");
        return 2;
    }
    if (read_secret(&secret) != 0) {
        fprintf(stderr, "encrypt: no password on the standard input\n");
        return 2;
    }
    int status = build(&secret, argv);
    if (status == 0)
        status = restore(&secret, argv);
    memset(&secret, 0, sizeof secret); /* explicit_bzero, where there is one */
    return status;
}
