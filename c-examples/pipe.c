/* A snapshot into a program's standard input, such as one that uploads it. If the build fails the
 * program is told by the end that is missing: what was cut short is no snapshot.
 *
 *     cc -std=c99 pipe.c -lhexz -o pipe && ./pipe disk.img 'ssh host "cat > disk.hxz.part && mv disk.hxz.part disk.hxz"'
 */
#define _POSIX_C_SOURCE 200809L /* popen */
#include <hexz.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct program {
    FILE *input;
    int complete;
};

static int32_t write_all(void *user_data, const void *buf, size_t len)
{
    struct program *program = user_data;
    return fwrite(buf, 1, len, program->input) == len ? 0 : 1;
}

/* All was written: the program sees the end of its input, and its answer is ours. */
static int32_t commit(void *user_data)
{
    struct program *program = user_data;
    if (fflush(program->input) != 0)
        return 1;
    int status = pclose(program->input);
    program->input = NULL;
    program->complete = status == 0;
    return status == 0 ? 0 : 2;
}

/* Called once if the build fails, also when it is the commit that failed. */
static void give_up(void *user_data)
{
    struct program *program = user_data;
    if (program->input != NULL)
        (void)pclose(program->input);
    program->input = NULL;
}

int main(int argc, char **argv)
{
    struct program program = {NULL, 0};
    if (argc != 3) {
        fprintf(stderr, "usage: pipe SOURCE COMMAND\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a program that ends early is an error of fwrite, not our end */
    program.input = popen(argv[2], "w");
    if (program.input == NULL) {
        perror("pipe: popen");
        return 1;
    }
    hexz_sink sink = HEXZ_INIT(hexz_sink);
    sink.user_data = &program;
    sink.write = write_all;
    sink.commit = commit;
    sink.abort = give_up;
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = argv[1];
    opts.sink = &sink;
    hexz_status status = hexz_build(&opts);
    if (status != HEXZ_OK)
        fprintf(stderr, "pipe: %s\n", hexz_last_error());
    give_up(&program); /* refused before the work, a build calls nothing of the sink */
    return status == HEXZ_OK && program.complete ? 0 : 1;
}
