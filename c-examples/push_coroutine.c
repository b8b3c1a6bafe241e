/* A snapshot pushed from coroutines, as QEMU's block layer works: each job is written as if
 * its writes waited, and where one has to, the job yields to the others until the builder's
 * descriptor is readable. Two jobs here, the halves of one disk image, by ucontext(3).
 *
 *   push_coroutine IMAGE SNAPSHOT
 */
#define _XOPEN_SOURCE 700
#include <hexz.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define JOBS 2
#define PIECE 131072
#define STACK 262144

struct job {
    ucontext_t context;
    uint64_t from, to;
    hexz_status status;
    int done;
};

static struct job jobs[JOBS];
static struct job *current;
static ucontext_t loop;
static hexz_builder *builder;
static FILE *image;

/* For a job: a write that returns when it is done. */
static hexz_status co_write(uint64_t offset, const void *data, size_t len)
{
    hexz_status status;
    while ((status = hexz_builder_try_write(builder, 0, offset, data, len)) == HEXZ_ERR_AGAIN)
        (void)swapcontext(&current->context, &loop);
    return status;
}

static void copy_part(void)
{
    struct job *job = current;
    char *piece = malloc(PIECE);
    uint64_t at;

    job->status = piece ? HEXZ_OK : HEXZ_ERR_NO_MEMORY;
    for (at = job->from; job->status == HEXZ_OK && at < job->to; at += PIECE) {
        size_t len = job->to - at < PIECE ? (size_t)(job->to - at) : PIECE;
        if (fseek(image, (long)at, SEEK_SET) != 0 || fread(piece, 1, len, image) != len)
            job->status = HEXZ_ERR_SOURCE;
        else
            job->status = co_write(at, piece, len);
        /* The others come to their turn. */
        (void)swapcontext(&job->context, &loop);
    }
    free(piece);
    job->done = 1;
}

/* Runs the jobs until all are done; waits only when each of them does. */
static hexz_status run_jobs(void)
{
    struct pollfd ready = {-1, POLLIN, 0};
    hexz_status status = hexz_builder_ready_fd(builder, &ready.fd);
    int left = JOBS, i;

    while (status == HEXZ_OK && left > 0) {
        (void)poll(&ready, 1, -1);
        for (left = 0, i = 0; i < JOBS; i++) {
            current = &jobs[i];
            if (!current->done)
                (void)swapcontext(&loop, &current->context);
            left += !current->done;
        }
    }
    for (i = 0; i < JOBS && status == HEXZ_OK; i++)
        status = jobs[i].status;
    return status;
}

int main(int argc, char **argv)
{
    static char stacks[JOBS][STACK];
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    hexz_status status;
    uint64_t half;
    uint32_t stream;
    long size;
    int i;

    if (argc != 3) {
        fprintf(stderr, "usage: push_coroutine IMAGE SNAPSHOT\n");
        return 2;
    }
    image = fopen(argv[1], "rb");
    if (!image || fseek(image, 0, SEEK_END) != 0 || (size = ftell(image)) < 0) {
        perror(argv[1]);
        return 1;
    }
    opts.output = argv[2];
    status = hexz_builder_new(&opts, &builder);
    if (status == HEXZ_OK)
        status = hexz_builder_stream(builder, "disk", HEXZ_STREAM_DISK, (uint64_t)size, &stream);
    half = (uint64_t)size / 2 / PIECE * PIECE;
    for (i = 0; i < JOBS; i++) {
        jobs[i].from = i == 0 ? 0 : half;
        jobs[i].to = i == 0 ? half : (uint64_t)size;
        if (getcontext(&jobs[i].context) != 0)
            return 1;
        jobs[i].context.uc_stack.ss_sp = stacks[i];
        jobs[i].context.uc_stack.ss_size = STACK;
        jobs[i].context.uc_link = &loop;
        makecontext(&jobs[i].context, copy_part, 0);
    }
    if (status == HEXZ_OK)
        status = run_jobs();
    if (status == HEXZ_OK)
        status = hexz_builder_finish(builder, NULL);
    if (status != HEXZ_OK)
        fprintf(stderr, "%s: %s\n", hexz_status_name(status), hexz_last_error());
    hexz_builder_free(builder);
    (void)fclose(image);
    return status != HEXZ_OK;
}
