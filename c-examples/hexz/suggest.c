/* What was meant by a mistyped word: Damerau's distance (CACM 7/3, 1964) to those there are, in its
 * restricted form (optimal string alignment). */
#include "tool.h"

#include <string.h>

#define LONGEST 31

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Letters left out, put in, exchanged, or swapped with their neighbour. */
static int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    int rows[3][LONGEST + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b_length];
}

void suggest(struct suggestion *suggestion, const char *typed, const char *word)
{
    size_t typed_length = strlen(typed), length = strlen(word);
    if (typed_length == 0 || typed_length > LONGEST || length > LONGEST)
        return;
    /* One error in three letters is a slip; more of them make another word. */
    int near = least(3, (int)(length > typed_length ? length : typed_length) / 3);
    int far = distance(typed, typed_length, word, length);
    if (far <= near && (suggestion->best == NULL || far < suggestion->distance)) {
        suggestion->best = word;
        suggestion->distance = far;
    }
}
