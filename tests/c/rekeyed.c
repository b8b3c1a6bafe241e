#include "rekeyed.h"

unsigned char disk[DISK_LEN];
unsigned char *before;
size_t before_len;
static uint8_t root[32];

const char *snap(void)
{
    return in_folder("snap.hxz");
}

void remember(void)
{
    free(before);
    before = get_file(snap(), &before_len);
}

void build_afresh(const char *password)
{
    struct passwords passwords = password_is(password);
    hexz_build_opts opts = encrypted_build_of(in_folder("disk.raw"), snap(), &passwords);
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    opts.flags |= HEXZ_BUILD_OVERWRITE;
    opts.report = &report;
    CHECK_OK(hexz_build(&opts));
    memcpy(root, report.root, sizeof(root));
    remember();
}

hexz_status rekey(uint32_t operation, const char *old, const char *new)
{
    struct passwords passwords = no_passwords();
    hexz_rekey_opts opts = rekey_of(snap(), operation, &passwords);
    hexz_status status;
    add_answer(&passwords, 0, old, strlen(old));
    if (new != NULL)
        add_answer(&passwords, 0, new, strlen(new));
    status = hexz_snapshot_rekey(&opts);
    if (status == HEXZ_OK) {
        CHECK_EQ(passwords.count, new != NULL ? 2 : 1);
        CHECK_EQ(passwords.asked[0].purpose, HEXZ_PASSWORD_OPEN);
        CHECK(strcmp(passwords.asked[0].path, snap()) == 0);
        if (new != NULL) {
            CHECK_EQ(passwords.asked[1].purpose, HEXZ_PASSWORD_CREATE);
            CHECK_EQ(passwords.asked[1].attempt, 0);
            CHECK(strcmp(passwords.asked[1].path, snap()) == 0);
        }
    }
    return status;
}

void check_opens(const char *password)
{
    hexz_snapshot *snapshot = must_open_with(snap(), password);
    hexz_verify_opts verify = HEXZ_INIT(hexz_verify_opts);
    hexz_info info = HEXZ_INIT(hexz_info);
    static unsigned char back[sizeof(disk)];
    CHECK_OK(hexz_snapshot_info(snapshot, &info));
    CHECK_BYTES(info.root, root, sizeof(root));
    CHECK_OK(hexz_snapshot_verify(snapshot, &verify));
    CHECK_OK(hexz_snapshot_read(snapshot, 0, 0, back, sizeof(back)));
    CHECK_BYTES(back, disk, sizeof(back));
    hexz_snapshot_close(snapshot);
}

void check_opens_not(const char *password)
{
    CHECK_STATUS(try_password(snap(), password), HEXZ_ERR_WRONG_PASSWORD);
}

void check_file_as_before(void)
{
    CHECK(file_holds(snap(), before, before_len));
}

void check_slots_changed(void)
{
    size_t len;
    unsigned char *now = get_file(snap(), &len);
    if (CHECK_EQ(len, before_len)) {
        CHECK_BYTES(now, before, FIRST_COPY);
        CHECK_BYTES(now + BODY, before + BODY, len - BODY);
        CHECK(memcmp(now + FIRST_COPY, before + FIRST_COPY, PAGE) != 0);
        CHECK_BYTES(now + SECOND_COPY, now + FIRST_COPY, PAGE);
    }
    free(now);
}

void make_disk(void)
{
    fill_text(disk, sizeof(disk) / 2, 232);
    fill_random(disk + sizeof(disk) / 2, sizeof(disk) / 4, 233);
    put_file(in_folder("disk.raw"), disk, sizeof(disk));
}

void forget(void)
{
    free(before);
    before = NULL;
}
