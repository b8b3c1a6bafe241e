/* A snapshot of writes that come in any order, as whoever mirrors a machine's disk gets them, made in an event
 * loop that never waits for hexz: a write that would wait is tried again when the builder's descriptor says so.
 *
 *     cc -std=c99 push.c -lhexz -o push && ./push 10737418240 vm.hxz <writes
 *
 * Standard input has records: offset and length, 8 bytes each in this machine's order, and as many bytes. Both
 * are multiples of 4096, but at the end of the disk; a record has at most 1 MiB. The last write to a place
 * wins, and what is never written is zeros.
 *
 * In a coroutine (QEMU's block jobs, C++20) the same is a loop of two lines: while try_write says
 * HEXZ_ERR_AGAIN, register the descriptor with the event loop and yield. */
#define _POSIX_C_SOURCE 200809L /* poll */
#include <errno.h>
#include <hexz.h>
#include <inttypes.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define RECORD_MOST ((size_t)1 << 20)

struct record {
    uint64_t offset, len;
    unsigned char data[RECORD_MOST];
};

/* What is read of a record, and of it all that has been. */
static struct record record;
static size_t got;

static int fail(const char *what)
{
    fprintf(stderr, "push: %s: %s\n", what, hexz_last_error());
    return -1;
}

/* Reads what there is, up to the end of the record. 1: some; 0: the input's end; -1: said why not. */
static int read_some(void)
{
    const size_t head = offsetof(struct record, data);
    size_t wanted = got < head ? head - got : head + (size_t)record.len - got;
    ssize_t count = read(STDIN_FILENO, (unsigned char *)&record + got, wanted);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (count < 0) {
        perror("push: standard input");
        return -1;
    }
    got += (size_t)count;
    if (got >= head && record.len > RECORD_MOST) {
        fprintf(stderr, "push: a record of %" PRIu64 " bytes; at most %zu\n", record.len, RECORD_MOST);
        return -1;
    }
    if (count == 0 && got > 0)
        fprintf(stderr, "push: the input ends within a record\n");
    return count > 0 ? 1 : got > 0 ? -1 : 0;
}

/* 0 when the input is at its end and all of it was taken. */
static int run(hexz_builder *builder, uint32_t stream, int ready)
{
    for (;;) {
        int whole = got >= offsetof(struct record, data) && got == offsetof(struct record, data) + record.len;
        struct pollfd waits[1];
        int state;
        if (whole) {
            hexz_status status = hexz_builder_try_write(builder, stream, record.offset, record.data,
                                                        (size_t)record.len);
            if (status != HEXZ_OK && status != HEXZ_ERR_AGAIN)
                return fail("write");
            if (status == HEXZ_OK) {
                got = 0;
                continue;
            }
        }
        /* A real loop has more to do than these two. */
        waits[0].fd = whole ? ready : STDIN_FILENO;
        waits[0].events = POLLIN;
        if (poll(waits, 1, -1) < 0 && errno != EINTR) {
            perror("push: poll");
            return -1;
        }
        if (whole)
            continue;
        state = read_some();
        if (state <= 0)
            return state;
    }
}

int main(int argc, char **argv)
{
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_builder *builder;
    uint32_t stream;
    int32_t ready;
    int status = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: push SIZE OUTPUT <RECORDS\n");
        return 2;
    }
    opts.output = argv[2];
    if (hexz_builder_new(&opts, &builder) != HEXZ_OK) {
        (void)fail("new");
        return 1;
    }
    if (hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, strtoull(argv[1], NULL, 10), &stream) != HEXZ_OK ||
        hexz_builder_ready_fd(builder, &ready) != HEXZ_OK)
        (void)fail("begin");
    else if (run(builder, stream, ready) == 0) {
        if (hexz_builder_finish(builder, &report) != HEXZ_OK)
            (void)fail("finish");
        else
            status = printf("%s: %" PRIu64 " bytes, %" PRIu64 " of them dead\n", argv[2], report.file_size,
                            report.bytes_dead) < 0;
    }
    hexz_builder_free(builder); /* unfinished, it leaves nothing */
    return status;
}
