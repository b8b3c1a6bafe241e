/* The progress bar: one line on standard error, redrawn in place and wiped at the end. */
#include "tool.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_COLUMNS 200
#define MIN_BAR 8
#define MAX_BAR 40

double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

void meter_init(struct meter *meter, bool quiet)
{
    memset(meter, 0, sizeof *meter);
    meter->shown = !quiet && isatty(STDERR_FILENO);
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

static void bar_text(char *out, int width, double share)
{
    int full = (int)(share * (width - 2));
    out[0] = '[';
    for (int i = 1; i < width - 1; i++)
        out[i] = i <= full ? '=' : ' ';
    out[width - 1] = ']';
    out[width] = '\0';
}

static int32_t draw(void *user_data, const hexz_progress *progress)
{
    struct meter *meter = user_data;
    if (meter->phase != progress->phase) {
        meter->phase = progress->phase;
        clock_gettime(CLOCK_MONOTONIC, &meter->phase_start);
    }
    char rate[64], done[SIZE_TEXT], total[SIZE_TEXT], stored[SIZE_TEXT];
    char tail[160], bar[MAX_BAR + 1] = "", line[MAX_COLUMNS + 1];
    rate_text(rate, sizeof rate, progress, seconds_since(&meter->phase_start));
    bool known = progress->total > 0 && progress->done <= progress->total;
    double share = known ? (double)progress->done / (double)progress->total : 0;
    int length = known ? snprintf(tail, sizeof tail, " %3d%%  %s / %s", (int)(share * 100),
                                  size_text(progress->done, done), size_text(progress->total, total))
                       : snprintf(tail, sizeof tail, "  %s", size_text(progress->done, done));
    if (progress->stored > 0)
        length += snprintf(tail + length, sizeof tail - (size_t)length, "  to %s",
                           size_text(progress->stored, stored));
    length += snprintf(tail + length, sizeof tail - (size_t)length, "%s", rate);

    /* The last column stays free: some terminals wrap when it is written. */
    int width = columns() - 1;
    int room = width - length - 12;
    if (known && room >= MIN_BAR)
        bar_text(bar, room < MAX_BAR ? room : MAX_BAR, share);
    int used = snprintf(line, (size_t)width + 1, "%-10s  %s%s", phase_name(progress->phase), bar,
                        tail);
    if (used > width)
        used = width;
    fprintf(stderr, "\r%s", line);
    if (meter->drawn > used)
        fprintf(stderr, "%*s", meter->drawn - used, "");
    fflush(stderr);
    meter->drawn = used;
    return 0;
}

hexz_progress_fn meter_callback(const struct meter *meter)
{
    return meter->shown ? draw : NULL;
}

void meter_clear(struct meter *meter)
{
    if (meter->drawn == 0)
        return;
    fprintf(stderr, "\r%*s\r", meter->drawn, "");
    fflush(stderr);
    meter->drawn = 0;
}
