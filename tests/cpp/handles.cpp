// Handles and errors as C++ values: moved, kept, caught.
#include "fixture.hpp"

static_assert(!std::is_copy_constructible_v<hexz::Snapshot> && !std::is_copy_assignable_v<hexz::Snapshot>);
static_assert(std::is_nothrow_move_constructible_v<hexz::Snapshot>);
static_assert(std::is_nothrow_move_assignable_v<hexz::Snapshot>);
static_assert(!std::is_copy_constructible_v<hexz::Cancel> && std::is_nothrow_move_constructible_v<hexz::Cancel>);
static_assert(std::is_copy_constructible_v<hexz::Stream> && std::is_copy_assignable_v<hexz::Stream>);
static_assert(std::is_aggregate_v<hexz::BuildOptions> && std::is_aggregate_v<hexz::OpenOptions>);
static_assert(!std::is_convertible_v<const char *, hexz::Snapshot>);
static_assert(std::is_nothrow_copy_constructible_v<hexz::Error>);
static_assert(std::is_base_of_v<std::runtime_error, hexz::Error> && std::is_base_of_v<hexz::Error, hexz::Cancelled>);

TEST(handles_move)
{
    const Folder folder;
    hexz::Snapshot first(snapshot_of(folder, disk()));
    const hexz::Stream stream = first.stream("disk");
    hexz::Snapshot second(std::move(first));
    // The stream points to what moved.
    CHECK(all_of(stream) == disk());
    std::vector<hexz::Snapshot> kept;
    kept.push_back(std::move(second));
    kept.emplace_back(folder / "disk.hxz");
    CHECK(all_of(stream) == disk());
    CHECK(all_of(kept.at(1).stream(0)) == disk());
    // Closes what the right side held before.
    kept[1] = std::move(kept[0]);
    CHECK(all_of(kept[1].stream(0)) == disk());
    auto shared = std::make_shared<const hexz::Snapshot>(std::move(kept[1]));
    CHECK_EQ(shared->stream(0).size(), disk().size());
}

TEST(handles_moved_from_refuse)
{
    const Folder folder;
    hexz::Snapshot from(snapshot_of(folder, disk()));
    const hexz::Snapshot to(std::move(from));
    CHECK(from.handle() == nullptr && to.handle() != nullptr);
    CHECK_STATUS(invalid_argument, from.info());
    CHECK_STATUS(invalid_argument, from.stream(0));
    CHECK_STATUS(invalid_argument, from.stream("disk"));
    CHECK_STATUS(invalid_argument, from.find("disk"));
    CHECK_STATUS(invalid_argument, from.streams());
    CHECK_STATUS(invalid_argument, from.verify());
    hexz::Cancel switched;
    const hexz::Cancel other(std::move(switched));
    switched.trigger();
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "again.hxz");
    options.cancel = &other;
    CHECK(hexz::build(options).file_size > 0);
}

TEST(handles_go_to_the_c_api)
{
    const Folder folder;
    const hexz::Snapshot snapshot(snapshot_of(folder, disk()));
    char byte = 0;
    CHECK_EQ(hexz_snapshot_read(snapshot.handle(), 0, 7, &byte, 1), HEXZ_OK);
    CHECK_EQ(byte, disk()[7]);
}

TEST(handles_open_refuses)
{
    const Folder folder;
    const hexz::Error missing = THROWN(hexz::Error, hexz::Snapshot(folder / "no.hxz"));
    CHECK_EQ(missing.status(), hexz::Status::io);
    CHECK(missing.system_error() == std::errc::no_such_file_or_directory);
    put(folder / "text", netlist(10000, 1));
    const hexz::Error text = THROWN(hexz::Error, hexz::Snapshot(folder / "text"));
    CHECK_EQ(text.status(), hexz::Status::not_snapshot);
    CHECK(!text.system_error());
    const std::filesystem::path path = snapshot_of(folder, disk());
    put(path, get(path) + "more");
    CHECK_STATUS(corrupt, hexz::Snapshot(path));
}

TEST(errors_are_values)
{
    std::exception_ptr kept;
    try {
        (void)hexz::profile("none");
    } catch (const std::runtime_error &) {
        kept = std::current_exception();
    }
    // Another failure on this thread does not change what was caught.
    CHECK_STATUS(io, hexz::Snapshot("no such file"));
    try {
        std::rethrow_exception(kept);
    } catch (const hexz::Error &error) {
        const hexz::Error copy = error;
        CHECK_EQ(copy.status(), hexz::Status::unknown_profile);
        CHECK(contains(copy.what(), "none"));
    }
}
