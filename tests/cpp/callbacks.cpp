// Callbacks: what they are told, how they stop a call, and where what they throw goes.
#include "fixture.hpp"

#include <thread>

// No std::exception on purpose.
struct Odd {
    int value;
};

TEST(progress_is_told)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    const std::thread::id here = std::this_thread::get_id();
    std::vector<hexz::Progress> seen;
    bool elsewhere = false;
    const auto keep = [&](const hexz::Progress &progress) {
        elsewhere |= std::this_thread::get_id() != here;
        seen.push_back(progress);
        return true;
    };
    const auto checked = [&](hexz::Phase phase) {
        CHECK(!elsewhere && seen.size() >= 2);
        for (std::size_t i = 1; i < seen.size(); i++)
            CHECK(seen[i].phase > seen[i - 1].phase ||
                  (seen[i].phase == seen[i - 1].phase && seen[i].done >= seen[i - 1].done));
        std::uint64_t last = 0;
        for (const hexz::Progress &progress : seen)
            if (progress.phase == phase)
                last = progress.done;
        CHECK_EQ(last, disk().size());
        seen.clear();
    };
    options.progress = keep;
    hexz::build(options);
    CHECK(seen.back().stored > 0);
    checked(hexz::Phase::pack);
    const hexz::Snapshot snapshot(folder / "disk.hxz");
    hexz::VerifyOptions verifying;
    verifying.progress = keep;
    snapshot.verify(verifying);
    CHECK(!seen.empty() && seen.front().phase == hexz::Phase::verify && !elsewhere);
    seen.clear();
    hexz::ExtractOptions extracting;
    extracting.progress = keep;
    snapshot.stream(0).extract(folder / "out.raw", extracting);
    checked(hexz::Phase::extract);
}

TEST(progress_stops)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const std::ptrdiff_t entries = folder.entries();
    const auto stop = [](const hexz::Progress &) { return false; };
    hexz::BuildOptions building = build_of(folder / "disk.raw", folder / "out.hxz");
    building.progress = stop;
    const hexz::Cancelled cancelled = THROWN(hexz::Cancelled, hexz::build(building));
    CHECK_EQ(cancelled.status(), hexz::Status::cancelled);
    CHECK_EQ(cancelled.callback_code(), 1);
    hexz::VerifyOptions verifying;
    verifying.progress = stop;
    THROWN(hexz::Cancelled, snapshot.verify(verifying));
    hexz::ExtractOptions extracting;
    extracting.progress = stop;
    THROWN(hexz::Cancelled, snapshot.stream(0).extract(folder / "out.raw", extracting));
    CHECK_EQ(folder.entries(), entries);
}

TEST(progress_throws)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    const std::ptrdiff_t entries = folder.entries();
    hexz::BuildOptions building = build_of(folder / "disk.raw", folder / "out.hxz");
    building.progress = [](const hexz::Progress &) -> bool { throw Odd{42}; };
    try {
        hexz::build(building);
        check::fail(__FILE__, __LINE__, "build came back");
    } catch (const Odd &odd) {
        CHECK_EQ(odd.value, 42);
    }
    hexz::VerifyOptions verifying;
    verifying.progress = [](const hexz::Progress &) -> bool { throw std::domain_error("mine"); };
    CHECK_EQ(std::string(THROWN(std::domain_error, snapshot.verify(verifying)).what()), "mine");
    hexz::ExtractOptions extracting;
    extracting.progress = verifying.progress;
    THROWN(std::domain_error, snapshot.stream(0).extract(folder / "out.raw", extracting));
    CHECK_EQ(folder.entries(), entries);
    // And the snapshot works on.
    CHECK(snapshot.verify().blocks_bad == 0);
}

// In the last report, when little or nothing is left to stop.
TEST(progress_throws_at_the_end)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    int reports = 0, count = 0;
    options.progress = [&](const hexz::Progress &) { return ++reports > 0; };
    hexz::build(options);
    std::filesystem::remove(folder / "disk.hxz");
    options.progress = [&](const hexz::Progress &progress) {
        count++;
        if (progress.phase == hexz::Phase::pack && progress.done == progress.total)
            throw Odd{count};
        return true;
    };
    try {
        hexz::build(options);
        check::fail(__FILE__, __LINE__, "build came back");
    } catch (const Odd &odd) {
        CHECK_EQ(odd.value, count);
    }
}

TEST(password_throws)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "disk.hxz");
    options.encrypt = true;
    options.kdf = cheap;
    options.password = [](const hexz::PasswordRequest &) -> std::optional<std::string> { throw Odd{7}; };
    const auto odd = [](auto &&body) {
        try {
            body();
        } catch (const Odd &thrown) {
            return thrown.value;
        }
        return 0;
    };
    CHECK_EQ(odd([&] { hexz::build(options); }), 7);
    CHECK_EQ(folder.entries(), 1);
    const hexz::PasswordCallback throwing = options.password;
    options.password = password("right");
    hexz::build(options);
    hexz::OpenOptions opening;
    opening.password = throwing;
    CHECK_EQ(odd([&] { (void)hexz::Snapshot(folder / "disk.hxz", opening); }), 7);
    CHECK_EQ(odd([&] { hexz::rekey(folder / "disk.hxz", hexz::Rekey::add, throwing, cheap); }), 7);
    opening.password = password("right");
    (void)hexz::Snapshot(folder / "disk.hxz", opening).info();
}

TEST(callbacks_use_other_handles)
{
    const Folder folder;
    const hexz::Snapshot own(snapshot_of(folder, disk()));
    const hexz::Snapshot other(folder / "disk.hxz");
    hexz::VerifyOptions options;
    int reports = 0;
    std::optional<hexz::Status> refused;
    options.progress = [&](const hexz::Progress &) {
        reports++;
        (void)other.stream(0).read(0, 100);
        try {
            (void)own.stream(0);
        } catch (const hexz::Error &error) {
            refused = error.status();
        }
        return true;
    };
    own.verify(options);
    CHECK(reports >= 2 && refused == hexz::Status::state);
    // A failure of another handle inside a callback comes out as itself.
    options.progress = [&](const hexz::Progress &) { return other.stream("none").size() > 0; };
    CHECK_STATUS(no_stream, own.verify(options));
}
