// Options for files that others hold or change, for what a password may cost, and for stopping
// where a password is asked for.
#include "fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace {

// Holds a file as a machine that writes it does: by QEMU's lock, which belongs to the open file.
class Held {
public:
    explicit Held(const std::filesystem::path &path) : fd_(open(path.c_str(), O_RDWR | O_CLOEXEC))
    {
        struct flock lock = {};
        lock.l_type = F_RDLCK;
        lock.l_start = 101;
        lock.l_len = 1;
        // F_OFD_SETLK, which C++ alone does not show.
        if (fd_ < 0 || fcntl(fd_, 37, &lock) != 0)
            throw std::runtime_error("cannot lock " + path.string());
    }
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    ~Held() { close(fd_); }

private:
    int fd_;
};

Bytes disk_in(const std::filesystem::path &path)
{
    const hexz::Snapshot snapshot(path);
    return all_of(snapshot.stream(0));
}

std::string text_of(const hexz::Error &error) { return error.what(); }

std::filesystem::path costly(const Folder &folder)
{
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.encrypt = true;
    options.password = password("one");
    options.kdf = {2048, 1, 1};
    hexz::build(options);
    return folder / "disk.hxz";
}

hexz::PasswordCallback from_to(const hexz::Cancel *cancel = nullptr)
{
    return [cancel](const hexz::PasswordRequest &request) {
        if (cancel)
            cancel->trigger();
        return request.purpose == hexz::PasswordPurpose::create ? "two" : "one";
    };
}

} // namespace

TEST(options_for_what_others_hold)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, noise(300 * 1000, 3), "other"));
    put(folder / "disk.raw", disk());
    const Held held(folder / "disk.raw");
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.allow_change = true;
    CHECK(contains(text_of(THROWN(hexz::Error, hexz::build(options))), "HEXZ_BUILD_FORCE_SHARE"));
    CHECK_STATUS(source, hexz::build(options));
    options.force_share = true;
    hexz::build(options);
    CHECK(disk_in(folder / "disk.hxz") == disk());

    hexz::ExtractOptions extract;
    extract.in_place = true;
    extract.sync = false;
    CHECK_STATUS(output, snapshot.stream(0).extract(folder / "disk.raw", extract));
    CHECK(get(folder / "disk.raw") == disk());
    extract.force_share = true;
    snapshot.stream(0).extract(folder / "disk.raw", extract);
    CHECK(get(folder / "disk.raw") == noise(300 * 1000, 3));
}

TEST(options_for_what_changes)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    time_t second = 1000000;
    options.progress = [&](const hexz::Progress &) {
        const struct timespec times[2] = {{second, 0}, {second, 0}};
        return utimensat(AT_FDCWD, (folder / "disk.raw").c_str(), times, 0) == 0;
    };
    CHECK_STATUS(source, hexz::build(options));
    CHECK_EQ(folder.entries(), 1);
    second = 2000000;
    options.allow_change = true;
    hexz::build(options);
    CHECK(disk_in(folder / "disk.hxz") == disk());
}

TEST(options_for_the_cost_of_a_password)
{
    const Folder folder;
    const auto path = costly(folder);
    const Bytes before = get(path);
    hexz::OpenOptions opening;
    opening.password = password("one");
    hexz::RekeyOptions rekeying;
    for (const std::uint32_t most : {1u, 2047u}) {
        opening.kdf_memory_max_kib = rekeying.kdf_memory_max_kib = most;
        CHECK_STATUS(unsupported, hexz::Snapshot(path, opening));
        CHECK_STATUS(unsupported, hexz::rekey(path, hexz::Rekey::add, from_to(), cheap, rekeying));
    }
    CHECK(get(path) == before);
    opening.kdf_memory_max_kib = rekeying.kdf_memory_max_kib = 2048;
    hexz::rekey(path, hexz::Rekey::add, from_to(), cheap, rekeying);
    CHECK(hexz::Snapshot(path, opening).info().encrypted);
    opening.password = password("two");
    CHECK(hexz::Snapshot(path, opening).info().encrypted);
}

TEST(options_cancel_where_a_password_is_asked_for)
{
    const Folder folder;
    const auto path = costly(folder);
    const Bytes before = get(path);
    const hexz::Cancel of_opening, of_rekeying;
    hexz::OpenOptions opening;
    opening.password = from_to(&of_opening);
    opening.cancel = &of_opening;
    THROWN(hexz::Cancelled, hexz::Snapshot(path, opening));
    hexz::RekeyOptions rekeying;
    rekeying.cancel = &of_rekeying;
    for (const auto operation : {hexz::Rekey::add, hexz::Rekey::replace})
        THROWN(hexz::Cancelled, hexz::rekey(path, operation, from_to(&of_rekeying), cheap, rekeying));
    CHECK(get(path) == before);
}
