/* The progress bar: one line on standard error, redrawn in place and wiped at the end. */
#include "tool.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_COLUMNS 200
#define MIN_BAR 8
#define MAX_BAR 40
#define TAIL_MAX 160

double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

void meter_init(struct meter *meter)
{
    memset(meter, 0, sizeof *meter);
    meter->shown = isatty(STDERR_FILENO);
}

bool meter_options(const struct command *command, const struct arguments *args, int first,
                   struct meter *meter)
{
    bool forced = args->values[first] != NULL, none = args->values[first + 1] != NULL;
    bool quiet = args->values[first + 2] != NULL;
    if (forced && none) {
        usage_error(command->name, "--%s and --%s are both given", command->options[first].name,
                    command->options[first + 1].name);
        return false;
    }
    meter_init(meter);
    meter->in_lines = forced && !meter->shown;
    meter->shown = forced || (meter->shown && !none && !quiet);
    return true;
}

static int columns(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < MAX_COLUMNS ? size.ws_col : MAX_COLUMNS;
}

static const char *phase_name(uint32_t phase)
{
    switch (phase) {
    case HEXZ_PHASE_TRAIN:
        return "training";
    case HEXZ_PHASE_PACK:
        return "packing";
    case HEXZ_PHASE_SYNC:
        return "syncing";
    case HEXZ_PHASE_VERIFY:
        return "verifying";
    case HEXZ_PHASE_EXTRACT:
        return "extracting";
    case PHASE_READ:
        return "reading";
    default:
        return "working";
    }
}

/* "812.3 MiB/s  ETA 0:42", once there is enough behind to tell. */
static void rate_text(char *out, size_t capacity, const hexz_progress *progress, double seconds)
{
    char rate[SIZE_TEXT];
    out[0] = '\0';
    if (seconds < 0.2 || progress->done == 0)
        return;
    double per_second = (double)progress->done / seconds;
    int length = snprintf(out, capacity, "  %s/s", size_text((uint64_t)per_second, rate));
    if (progress->total <= progress->done || length < 0 || (size_t)length >= capacity)
        return;
    double left = (double)(progress->total - progress->done) / per_second;
    if (left < 360000)
        snprintf(out + length, capacity - (size_t)length, "  ETA %d:%02d", (int)left / 60,
                 (int)left % 60);
}

static bool share_known(const hexz_progress *progress)
{
    return progress->total > 0 && progress->done <= progress->total;
}

static double share_of(const hexz_progress *progress)
{
    return (double)progress->done / (double)progress->total;
}

static void bar_text(char *out, int width, double share)
{
    int full = (int)(share * (width - 2));
    out[0] = '[';
    for (int i = 1; i < width - 1; i++)
        out[i] = i <= full ? '=' : ' ';
    out[width - 1] = ']';
    out[width] = '\0';
}

/* What is known of the work, without a bar. Returns its length. */
static int tail_text(char *out, size_t capacity, const hexz_progress *progress, double seconds)
{
    char rate[64], done[SIZE_TEXT], total[SIZE_TEXT], stored[SIZE_TEXT];
    rate_text(rate, sizeof rate, progress, seconds);
    int length = share_known(progress)
                     ? snprintf(out, capacity, " %3d%%  %s / %s", (int)(share_of(progress) * 100),
                                size_text(progress->done, done), size_text(progress->total, total))
                     : snprintf(out, capacity, "  %s", size_text(progress->done, done));
    if (progress->stored > 0)
        length += snprintf(out + length, capacity - (size_t)length, "  to %s",
                           size_text(progress->stored, stored));
    return length + snprintf(out + length, capacity - (size_t)length, "%s", rate);
}

/* In a log: what comes first and last in a phase, and a line a second between. */
static void draw_line(struct meter *meter, const hexz_progress *progress, bool begins)
{
    char tail[TAIL_MAX];
    bool ends = progress->total > 0 && progress->done == progress->total;
    if (!begins && !ends && seconds_since(&meter->last) < 1)
        return;
    clock_gettime(CLOCK_MONOTONIC, &meter->last);
    tail_text(tail, sizeof tail, progress, seconds_since(&meter->phase_start));
    fprintf(stderr, "%-10s %s\n", phase_name(progress->phase), tail);
    fflush(stderr);
}

/* Wipes the line; a terminal that became narrower has no room for as many blanks. */
static void blank(const struct meter *meter, int from)
{
    int width = columns() - 1, to = meter->drawn < width ? meter->drawn : width;
    if (to > from)
        fprintf(stderr, "%*s", to - from, "");
}

static void draw_bar(struct meter *meter, const hexz_progress *progress)
{
    char tail[TAIL_MAX], bar[MAX_BAR + 1] = "", line[MAX_COLUMNS + 1];
    int length = tail_text(tail, sizeof tail, progress, seconds_since(&meter->phase_start));
    /* The last column stays free: some terminals wrap when it is written. */
    int width = columns() - 1;
    int room = width - length - 12;
    if (share_known(progress) && room >= MIN_BAR)
        bar_text(bar, room < MAX_BAR ? room : MAX_BAR, share_of(progress));
    int used = snprintf(line, (size_t)width + 1, "%-10s  %s%s", phase_name(progress->phase), bar,
                        tail);
    if (used > width)
        used = width;
    fprintf(stderr, "\r%s", line);
    blank(meter, used);
    fflush(stderr);
    meter->drawn = used;
}

static int32_t draw(void *user_data, const hexz_progress *progress)
{
    struct meter *meter = user_data;
    bool begins = meter->phase != progress->phase;
    if (begins) {
        meter->phase = progress->phase;
        clock_gettime(CLOCK_MONOTONIC, &meter->phase_start);
    }
    if (meter->in_lines)
        draw_line(meter, progress, begins);
    else
        draw_bar(meter, progress);
    return 0;
}

hexz_progress_fn meter_callback(const struct meter *meter)
{
    return meter->shown ? draw : NULL;
}

void meter_draw(struct meter *meter, uint32_t phase, uint64_t done, uint64_t total)
{
    bool ends = total > 0 && done == total;
    if (!meter->shown || (meter->phase == phase && !ends && seconds_since(&meter->last) < 0.1))
        return;
    if (!meter->in_lines)
        clock_gettime(CLOCK_MONOTONIC, &meter->last);
    hexz_progress progress = HEXZ_INIT(hexz_progress);
    progress.phase = phase;
    progress.done = done;
    progress.total = total;
    draw(meter, &progress);
}

void meter_clear(struct meter *meter)
{
    if (meter->drawn == 0)
        return;
    fputc('\r', stderr);
    blank(meter, 0);
    fputc('\r', stderr);
    fflush(stderr);
    meter->drawn = 0;
    meter->phase = 0;
}
