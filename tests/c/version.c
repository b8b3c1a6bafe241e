/* The calls that need nothing: versions, names of statuses, and what a thread
 * that has not failed yet finds as its last error. */
#include "fixture.h"

static void before_any_failure(void)
{
    CHECK(hexz_last_error() != NULL);
    CHECK_EQ(hexz_last_errno(), 0);
    CHECK_EQ(hexz_last_callback_code(), 0);
}

static void versions(void)
{
    char text[64];
    uint32_t want = ((uint32_t)HEXZ_VERSION_MAJOR << 16) | ((uint32_t)HEXZ_VERSION_MINOR << 8) |
                    (uint32_t)HEXZ_VERSION_PATCH;
    CHECK_EQ(hexz_version(), want);
    (void)snprintf(text, sizeof(text), "%d.%d.%d", HEXZ_VERSION_MAJOR, HEXZ_VERSION_MINOR, HEXZ_VERSION_PATCH);
    CHECK(hexz_version_string() != NULL);
    CHECK(strncmp(hexz_version_string(), text, strlen(text)) == 0);
}

static void status_names(void)
{
    static const hexz_status strange[] = {1, 2, 1000, INT32_MAX, HEXZ_ERR_AGAIN - 1, -1000, INT32_MIN};
    hexz_status a, b;
    size_t i;
    for (a = HEXZ_OK; a >= HEXZ_ERR_AGAIN; a--) {
        const char *name = hexz_status_name(a);
        check_about("status %d", (int)a);
        if (!CHECK(name != NULL && name[0] != '\0'))
            continue;
        for (b = HEXZ_OK; b > a; b--)
            CHECK(strcmp(name, hexz_status_name(b)) != 0);
        for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
            CHECK(hexz_status_name(strange[i]) == NULL || strcmp(name, hexz_status_name(strange[i])) != 0);
    }
    for (i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        check_about("status %d", (int)strange[i]);
        CHECK(hexz_status_name(strange[i]) != NULL && hexz_status_name(strange[i])[0] != '\0');
    }
}

int main(void)
{
    before_any_failure();
    versions();
    status_names();
    return check_done();
}
