// Further streams of a build: files, functions, C++ streams, and streams of other snapshots.
#include "fixture.hpp"

#include <cstring>
#include <sstream>
#include <thread>

// Where disk() has its hole.
static hexz::SourceRun runs_of_disk(std::uint64_t offset, std::uint64_t len)
{
    constexpr std::uint64_t hole = 700 * 1000, end = hole + (1 << 20);
    if (offset < hole)
        return {hexz::ExtentKind::data, hole - offset};
    if (offset < end)
        return {hexz::ExtentKind::zero, end - offset};
    return {hexz::ExtentKind::data, len};
}

static hexz::Source source_of_bytes(const Bytes &bytes)
{
    hexz::Source source;
    source.size = bytes.size();
    source.read_at = [&bytes](std::uint64_t offset, void *data, std::size_t len) {
        std::memcpy(data, bytes.data() + offset, len);
    };
    return source;
}

// Nothing but streams.
static hexz::BuildOptions streams_to(const std::filesystem::path &output, std::vector<hexz::StreamInput> streams)
{
    hexz::BuildOptions options = build_of("", output);
    options.streams = std::move(streams);
    return options;
}

TEST(functions_are_a_source)
{
    const Folder folder;
    const Bytes bytes = disk();
    const Bytes by_path = get(snapshot_of(folder, bytes));
    hexz::Source source = source_of_bytes(bytes);
    std::uint64_t asked = 0, elsewhere = 0;
    const std::thread::id here = std::this_thread::get_id();
    source.read_at = [&](std::uint64_t offset, void *data, std::size_t len) {
        asked += len;
        elsewhere += std::this_thread::get_id() != here;
        std::memcpy(data, bytes.data() + offset, len);
    };
    source.extent_at = runs_of_disk;
    hexz::build(streams_to(folder / "out.hxz", {{"disk", source, hexz::StreamKind::disk}}));
    CHECK_EQ(asked, bytes.size() - (1 << 20));
    CHECK_EQ(elsewhere, 0u);
    CHECK(get(folder / "out.hxz") == by_path);
    // By threads of the library, without shared state.
    source = source_of_bytes(bytes);
    source.concurrent = true;
    hexz::build(streams_to(folder / "threads.hxz", {{"disk", source, hexz::StreamKind::disk}}));
    CHECK(get(folder / "threads.hxz") == by_path);
}

TEST(a_cpp_stream_is_a_source)
{
    const Folder folder;
    const Bytes bytes = disk();
    const Bytes by_path = get(snapshot_of(folder, bytes));
    std::istringstream stream(bytes);
    hexz::build(streams_to(folder / "out.hxz", {{"disk", hexz::source_of(stream), hexz::StreamKind::disk}}));
    CHECK(get(folder / "out.hxz") == by_path);
    std::istringstream broken;
    broken.setstate(std::ios::badbit);
    std::ifstream absent(folder / "absent");
    CHECK_EQ(THROWN(hexz::Error, (void)hexz::source_of(absent)).status(), hexz::Status::source);
    // One that becomes shorter.
    std::istringstream shrinks(bytes);
    const hexz::Source source = hexz::source_of(shrinks);
    shrinks.str("short");
    const hexz::Error error = THROWN(hexz::Error, hexz::build(streams_to(folder / "no.hxz", {{"disk", source}})));
    CHECK_EQ(error.status(), hexz::Status::source);
    CHECK(!std::filesystem::exists(folder / "no.hxz"));
}

TEST(files_are_streams)
{
    const Folder folder;
    put(folder / "disk.raw", disk());
    put(folder / "state", noise(5000, 7));
    hexz::BuildOptions options = build_of(folder / "disk.raw", folder / "out.hxz");
    options.streams = {{"second", (folder / "disk.raw").string(), hexz::StreamKind::disk, hexz::Format::raw},
                       {"state", (folder / "state").string()}};
    hexz::build(options);
    const hexz::Snapshot snapshot(folder / "out.hxz");
    CHECK_EQ(snapshot.info().stream_count, 3u);
    CHECK(all_of(snapshot.stream("disk")) == disk());
    CHECK(all_of(snapshot.stream("second")) == disk());
    CHECK(all_of(snapshot.stream("state")) == noise(5000, 7));
    CHECK(snapshot.stream("state").info().kind == hexz::StreamKind::blob);
    options.overwrite = true;
    options.streams.push_back(options.streams.back());
    CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), hexz::Status::invalid_argument);
    options.streams.back().name = std::string("a\0b", 3);
    CHECK_EQ(THROWN(hexz::Error, hexz::build(options)).status(), hexz::Status::invalid_argument);
}

TEST(a_stream_of_a_snapshot_is_a_source)
{
    const Folder folder;
    hexz::BuildOptions options;
    {
        const hexz::Snapshot plain(snapshot_of(folder, disk()));
        options = streams_to(folder / "sealed.hxz", {{"disk", plain.stream("disk"), hexz::StreamKind::disk}});
        options.encrypt = true;
        options.password = password("once");
        options.kdf = cheap;
        options.profile = "eda";
        hexz::build(options);
    }
    const hexz::Snapshot sealed(folder / "sealed.hxz", {password("once")});
    CHECK(all_of(sealed.stream("disk")) == disk());
    hexz::build(streams_to(folder / "again.hxz", {{"disk", sealed.stream(0), hexz::StreamKind::disk}}));
    CHECK(get(folder / "again.hxz") == get(folder / "disk.hxz"));
}

// What a source throws ends the build and comes out of it, from whatever thread.
TEST(what_a_source_throws_comes_out)
{
    struct Odd {
        int value;
    };
    const Folder folder;
    const Bytes bytes = noise(4 << 20, 3);
    const std::ptrdiff_t entries = folder.entries();
    for (const bool concurrent : {false, true}) {
        hexz::Source source = source_of_bytes(bytes);
        source.concurrent = concurrent;
        source.read_at = [](std::uint64_t, void *, std::size_t) { throw Odd{7}; };
        CHECK_EQ(THROWN(Odd, hexz::build(streams_to(folder / "out.hxz", {{"disk", source}}))).value, 7);
        source = source_of_bytes(bytes);
        source.extent_at = [](std::uint64_t, std::uint64_t) -> hexz::SourceRun { throw Odd{8}; };
        CHECK_EQ(THROWN(Odd, hexz::build(streams_to(folder / "out.hxz", {{"disk", source}}))).value, 8);
    }
    hexz::Source lies = source_of_bytes(bytes);
    lies.extent_at = [](std::uint64_t, std::uint64_t) -> hexz::SourceRun { return {hexz::ExtentKind::data, 0}; };
    const hexz::Error error = THROWN(hexz::Error, hexz::build(streams_to(folder / "out.hxz", {{"disk", lies}})));
    CHECK_EQ(error.status(), hexz::Status::source);
    CHECK_EQ(THROWN(hexz::Error, hexz::build(streams_to(folder / "out.hxz", {{"disk", hexz::Source{}}}))).status(),
             hexz::Status::invalid_argument);
    CHECK_EQ(folder.entries(), entries);
}
