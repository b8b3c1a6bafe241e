/* A change of passwords that was stopped half way: by a power failure, which
 * tears a copy of the key slots, or by SIGKILL at any moment. The old or the new
 * password opens the snapshot, and the next change makes it whole. fault.c
 * stops it in each of its system calls. */
#include "rekeyed.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KILLS 100
#define KILLED_WITHIN_US 15000

static void write_over(const unsigned char *bytes, size_t len, size_t at)
{
    int fd = open(snap(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || pwrite(fd, bytes, len, (off_t)at) != (ssize_t)len)
        fixture_fail("write", snap());
    (void)close(fd);
}

/* The snapshot opens, and verify says that a copy is damaged, and nothing else. */
static void check_opens_torn(const char *password)
{
    hexz_snapshot *snapshot = must_open_with(snap(), password);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
    static unsigned char back[sizeof(disk)];
    verify.report = &report;
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    CHECK_STATUS(hexz_snapshot_verify(snapshot, &verify), HEXZ_ERR_CORRUPT);
    CHECK_TEXT("slot");
    CHECK_EQ(report.blocks_bad, 0);
    CHECK(report.blocks_checked > 0);
    CHECK(report.bad_stream == UINT32_MAX && report.bad_offset == UINT64_MAX);
    hexz_snapshot_close(snapshot);
}

/* One copy torn in every way that a power failure can tear it, and what a
 * change of passwords then makes of it: two whole copies again. */
static void torn_copies(void)
{
    static const size_t written[] = {1, 2048, 24, 512, 1024, 4095};
    static const size_t places[] = {FIRST_COPY, SECOND_COPY};
    static const unsigned char zeros[PAGE];
    unsigned char *after;
    size_t p, w, len;

    build_afresh("old");
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "old", "new"));
    after = get_file(snap(), &len);
    for (p = 0; p < COUNT(places); p++) {
        check_about("copy number %d zeroed", (int)p);
        write_over(zeros, PAGE, places[p]);
        check_opens_torn("new");
        check_opens_not("old");
        CHECK_OK(rekey(HEXZ_REKEY_ADD, "new", "more"));
        check_opens("new");
        check_opens("more");

        for (w = 0; w < (fixture_small() ? 2 : COUNT(written)); w++) {
            /* Half of the new over the old; the other copy is the old one. */
            check_about("copy number %d, %d bytes of it written", (int)p, (int)written[w]);
            write_over(before + FIRST_COPY, 2 * PAGE, FIRST_COPY);
            write_over(after + places[p], written[w], places[p]);
            /* What differs comes after the first few bytes. */
            if (memcmp(after + places[p], before + places[p], written[w]) == 0) {
                check_opens("old");
            } else {
                check_opens_torn("old");
                check_opens_not("new");
            }
            /* The same, with the new one in the other copy. */
            write_over(after + places[1 - p], PAGE, places[1 - p]);
            if (memcmp(after + places[p], before + places[p], written[w]) == 0) {
                CHECK_OK(try_password(snap(), "new"));
            } else {
                check_opens_torn("new");
                check_opens_not("old");
            }
            CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "new", "newer"));
            check_opens("newer");
            check_opens_not("new");
            check_opens_not("old");
        }
        write_over(after, len, 0);
    }
    check_about("%s", "");
    /* Both at once is more than a power failure does. */
    write_over(zeros, PAGE, FIRST_COPY);
    write_over(zeros, PAGE, SECOND_COPY);
    CHECK_STATUS(try_password(snap(), "new"), HEXZ_ERR_CORRUPT);
    CHECK_STATUS(rekey(HEXZ_REKEY_ADD, "new", "more"), HEXZ_ERR_CORRUPT);
    free(after);
}

/* The file as it is, with the first bytes of one copy from another file. */
static void write_torn(const unsigned char *copies, const unsigned char *over, size_t at, size_t len)
{
    write_over(copies + FIRST_COPY, 2 * PAGE, FIRST_COPY);
    write_over(over + at, len, at);
}

/* With as many passwords as there can be: whichever copy is torn, and wherever,
 * each password that was there opens before the other copy is written, and each
 * that shall be there afterwards. */
static void torn_with_many_passwords(void)
{
    static const char *const words[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"};
    static const size_t written[] = {16, 24, 64, 512, 1024, 2048, 4092, 4095};
    static const size_t places[] = {FIRST_COPY, SECOND_COPY};
    size_t count, w, p, i, len;

    for (count = 1; count <= COUNT(words); count += fixture_small() ? 7 : 1) {
        unsigned char *after;
        build_afresh(words[0]);
        for (i = 1; i < count; i++)
            CHECK_OK(rekey(HEXZ_REKEY_ADD, words[0], words[i]));
        remember();
        /* The last one goes, or a new one comes where there is room. */
        if (count == COUNT(words))
            CHECK_OK(rekey(HEXZ_REKEY_REPLACE, words[count - 1], "new"));
        else
            CHECK_OK(rekey(HEXZ_REKEY_ADD, words[count - 1], "new"));
        after = get_file(snap(), &len);
        for (p = 0; p < COUNT(places); p++) {
            for (w = 0; w < COUNT(written); w++) {
                int same = memcmp(after + places[p], before + places[p], written[w]) == 0;
                check_about("%d passwords, copy number %d, %d bytes", (int)count, (int)p, (int)written[w]);
                write_torn(before, after, places[p], written[w]);
                for (i = 0; i < count; i += count > 4 ? 3 : 1)
                    CHECK_OK(try_password(snap(), words[i]));
                CHECK_OK(try_password(snap(), words[count - 1]));
                CHECK_STATUS(try_password(snap(), "new"), HEXZ_ERR_WRONG_PASSWORD);
                /* The other copy is written whole, and this one half. */
                write_torn(after, before, places[p], PAGE);
                write_over(after + places[p], written[w], places[p]);
                CHECK_OK(try_password(snap(), "new"));
                if (count > 1)
                    CHECK_OK(try_password(snap(), words[0]));
                if (count == COUNT(words))
                    CHECK_STATUS(try_password(snap(), words[count - 1]), HEXZ_ERR_WRONG_PASSWORD);
                /* And a change makes it whole. */
                if (!same && w % 3 == 0) {
                    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "new", "newer"));
                    check_opens("newer");
                    check_opens_not("new");
                }
            }
        }
        free(after);
    }
    check_about("%s", "");
}

/* Both copies whole, of two generations: the later one counts, wherever it is. */
static void later_generation_counts(void)
{
    unsigned char *after;
    size_t len;
    build_afresh("old");
    CHECK_OK(rekey(HEXZ_REKEY_REPLACE, "old", "new"));
    after = get_file(snap(), &len);
    write_over(before + FIRST_COPY, PAGE, FIRST_COPY);
    CHECK_OK(try_password(snap(), "new"));
    check_opens_not("old");
    CHECK_OK(rekey(HEXZ_REKEY_ADD, "new", "more"));
    check_opens("new");
    check_opens("more");
    write_over(after, len, 0);
    write_over(before + SECOND_COPY, PAGE, SECOND_COPY);
    CHECK_OK(try_password(snap(), "new"));
    check_opens_not("old");
    free(after);
}

static const char *const sides[] = {"left", "right"};

/* Goes from one password to the other and back until it is killed. */
static void rekey_for_ever(int side)
{
    for (; rekey(HEXZ_REKEY_REPLACE, sides[side], sides[!side]) == HEXZ_OK; side = !side)
        ;
    _exit(1);
}

static void killed(void)
{
    uint64_t state = 231;
    long i, times[2] = {0, 0}, kills = fixture_small() ? KILLS / 20 : KILLS;
    int side = 0;
    build_afresh(sides[0]);
    for (i = 0; i < kills; i++) {
        struct timespec pause = {0, 0};
        struct passwords passwords = no_passwords();
        hexz_snapshot *snapshot = NULL;
        hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
        hexz_verify_report report = HEXZ_INIT(hexz_verify_report);
        hexz_status status;
        int how = 0;
        pid_t child = fork();

        if (child < 0)
            fixture_fail("fork", "a child");
        if (child == 0)
            rekey_for_ever(side);
        pause.tv_nsec = 1000 * (long)(random_next(&state) % KILLED_WITHIN_US);
        (void)nanosleep(&pause, NULL);
        (void)kill(child, SIGKILL);
        if (waitpid(child, &how, 0) != child)
            fixture_fail("waitpid", "the child");
        check_about("kill number %ld", i);
        CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);

        add_answer(&passwords, 0, sides[0], strlen(sides[0]));
        add_answer(&passwords, 0, sides[1], strlen(sides[1]));
        if (!CHECK_OK(open_with(snap(), &passwords, &snapshot)))
            break;
        side = passwords.count != 1;
        times[side]++;
        verify.report = &report;
        status = hexz_snapshot_verify(snapshot, &verify);
        if (status != HEXZ_OK) {
            CHECK_STATUS(status, HEXZ_ERR_CORRUPT);
            CHECK_TEXT("slot");
        }
        CHECK_EQ(report.blocks_bad, 0);
        CHECK(report.blocks_checked > 0);
        hexz_snapshot_close(snapshot);
    }
    check_about("%s", "");
    printf("rekey_torn: killed with the one password %ld times, with the other %ld times\n", times[0], times[1]);
    /* And then it goes on as ever. */
    CHECK_OK(rekey(HEXZ_REKEY_ADD, sides[side], "third"));
    check_opens("third");
    CHECK_EQ(file_size_of(snap()), before_len);
}

int main(void)
{
    make_disk();
    torn_copies();
    torn_with_many_passwords();
    later_generation_counts();
    killed();
    forget();
    return check_done();
}
