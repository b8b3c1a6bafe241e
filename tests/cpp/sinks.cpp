// Sinks and storage: a snapshot that is in no file.
#include "fixture.hpp"

#include <cstring>
#include <sstream>
#include <thread>
#include <vector>

namespace {

struct Odd {
    int value;
};

// What came, and the end it took.
struct Taken {
    Bytes bytes;
    int writes = 0, commits = 0, aborts = 0, elsewhere = 0;
    std::uint64_t zeros = 0;
    int throws_at = 0; // the write that throws
    bool commit_throws = false;

    hexz::Sink sink()
    {
        const std::thread::id here = std::this_thread::get_id();
        hexz::Sink sink;
        sink.write = [this, here](const void *data, std::size_t len) {
            elsewhere += std::this_thread::get_id() != here;
            if (++writes == throws_at)
                throw Odd{writes};
            bytes.append(static_cast<const char *>(data), len);
        };
        sink.write_zeroes = [this](std::uint64_t len) {
            zeros += len;
            bytes.append(len, '\0');
        };
        sink.commit = [this] {
            commits++;
            if (commit_throws)
                throw Odd{99};
        };
        sink.abort = [this] {
            aborts++;
            throw Odd{-1}; // lost
        };
        return sink;
    }
};

hexz::BuildOptions into(const std::filesystem::path &source, hexz::Sink sink)
{
    hexz::BuildOptions options = build_of(source, "");
    options.sink = std::move(sink);
    return options;
}

} // namespace

TEST(a_snapshot_lives_in_memory)
{
    const Folder folder;
    const Bytes bytes = disk();
    const Bytes by_path = get(snapshot_of(folder, bytes));
    Taken taken;
    hexz::build(into(folder / "disk.raw", taken.sink()));
    CHECK(taken.bytes == by_path);
    CHECK_EQ(taken.commits, 1);
    CHECK_EQ(taken.aborts + taken.elsewhere, 0);

    const hexz::Snapshot snapshot(hexz::storage_of(std::make_shared<Bytes>(taken.bytes)));
    snapshot.verify();
    Taken back;
    snapshot.stream("disk").extract(back.sink());
    CHECK(back.bytes == bytes);
    CHECK(back.zeros > 0);
    CHECK_EQ(back.commits, 1);
    CHECK_EQ(back.aborts + back.elsewhere, 0);
}

TEST(cpp_streams_are_sinks)
{
    const Folder folder;
    const Bytes bytes = disk();
    const std::filesystem::path path = snapshot_of(folder, bytes);
    std::ostringstream built, back;
    hexz::build(into(folder / "disk.raw", hexz::sink_of(built)));
    CHECK(built.str() == get(path));
    const hexz::Snapshot snapshot(path.string());
    snapshot.stream("disk").extract(hexz::sink_of(back));
    CHECK(back.str() == bytes);
    back.setstate(std::ios::badbit);
    CHECK_EQ(THROWN(hexz::Error, snapshot.stream("disk").extract(hexz::sink_of(back))).status(), hexz::Status::output);
}

TEST(what_a_sink_throws_comes_out_and_it_is_aborted)
{
    const Folder folder;
    const Bytes bytes = noise(3 << 20, 5);
    const hexz::Snapshot snapshot(snapshot_of(folder, bytes).string());
    for (const bool build : {true, false}) {
        for (const int at : {1, 2, 0}) {
            Taken taken;
            taken.throws_at = at;
            taken.commit_throws = at == 0;
            const auto call = [&] {
                if (build)
                    hexz::build(into(folder / "disk.raw", taken.sink()));
                else
                    snapshot.stream("disk").extract(taken.sink());
            };
            CHECK_EQ(THROWN(Odd, call()).value, at == 0 ? 99 : at);
            CHECK_EQ(taken.aborts, 1);
            CHECK_EQ(taken.commits, at == 0 ? 1 : 0);
        }
    }
    Taken untouched;
    CHECK_EQ(THROWN(hexz::Error, hexz::build(into(folder / "absent", untouched.sink()))).status(),
             hexz::Status::source);
    hexz::BuildOptions both = into(folder / "disk.raw", untouched.sink());
    both.output = (folder / "both.hxz").string();
    CHECK_EQ(THROWN(hexz::Error, hexz::build(both)).status(), hexz::Status::invalid_argument);
    CHECK_EQ(THROWN(hexz::Error, hexz::build(into(folder / "disk.raw", hexz::Sink{}))).status(),
             hexz::Status::invalid_argument);
    CHECK_EQ(untouched.writes + untouched.commits + untouched.aborts, 0);
}

TEST(a_storage_is_kept_and_given_back)
{
    const Folder folder;
    const Bytes bytes = disk();
    const auto stored = std::make_shared<Bytes>(get(snapshot_of(folder, bytes)));
    {
        const hexz::Snapshot snapshot(hexz::storage_of(stored));
        CHECK_EQ(stored.use_count(), 2);
    }
    CHECK_EQ(stored.use_count(), 1);
    // A failed opening, and what throws.
    hexz::Storage cut = hexz::storage_of(stored);
    cut.size -= 1;
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(std::move(cut))).status(), hexz::Status::corrupt);
    CHECK_EQ(THROWN(hexz::Error, hexz::Snapshot(hexz::Storage{})).status(), hexz::Status::invalid_argument);
    bool fails = false;
    hexz::Storage odd = hexz::storage_of(stored);
    odd.read_at = [&fails, read_at = odd.read_at](std::uint64_t offset, void *data, std::size_t len) {
        if (fails)
            throw Odd{3};
        read_at(offset, data, len);
    };
    {
        const hexz::Snapshot snapshot(std::move(odd));
        fails = true;
        const hexz::Error error = THROWN(hexz::Error, (void)snapshot.stream("disk").read(0, bytes.size()));
        CHECK_EQ(error.status(), hexz::Status::callback);
        fails = false;
        const std::vector<std::byte> all = snapshot.stream("disk").read(0, bytes.size());
        CHECK(std::memcmp(all.data(), bytes.data(), bytes.size()) == 0);
    }
    odd = {};
    CHECK_EQ(stored.use_count(), 1);
}
