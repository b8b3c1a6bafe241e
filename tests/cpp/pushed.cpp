// Snapshots that are pushed.
#include "fixture.hpp"

#include <poll.h>
#include <sstream>
#include <vector>

namespace {

constexpr std::size_t page = 4096;

struct Refusal {
    int value;
};

hexz::BuildOptions pushed_to(const std::filesystem::path &output)
{
    hexz::BuildOptions options;
    options.output = output;
    options.sync = false;
    return options;
}

void check_holds(const std::filesystem::path &path, const Bytes &bytes, const hexz::OpenOptions &options = {})
{
    const hexz::Snapshot snapshot(path, options);
    CHECK(all_of(snapshot.stream("disk")) == bytes);
    snapshot.verify();
}

} // namespace

TEST(pushed_in_order_is_the_file_that_a_path_gives)
{
    const Folder folder;
    const Bytes bytes = disk();
    const std::filesystem::path by_path = snapshot_of(folder, bytes);
    hexz::Builder builder(pushed_to(folder / "pushed.hxz"));
    const hexz::PushedStream stream = builder.stream("disk", bytes.size(), hexz::StreamKind::disk);
    CHECK_EQ(stream.index(), 0u);
    CHECK_EQ(stream.size(), bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += 10 * page)
        stream.write(at, bytes.substr(at, 10 * page));
    CHECK(!std::filesystem::exists(folder / "pushed.hxz"));
    const hexz::BuildReport report = builder.finish();
    CHECK_EQ(report.bytes_read, bytes.size());
    CHECK(get(folder / "pushed.hxz") == get(by_path));
    CHECK_EQ(THROWN(hexz::Error, builder.finish()).status(), hexz::Status::state);
}

TEST(pushed_in_any_order_the_last_write_wins)
{
    const Folder folder;
    Bytes bytes = disk();
    hexz::Builder builder(pushed_to(folder / "pushed.hxz"));
    const hexz::PushedStream stream = builder.stream("disk", bytes.size(), hexz::StreamKind::disk);
    const hexz::PushedStream state = builder.stream("state", 5);
    const std::vector<unsigned char> device{1, 2, 3, 4, 5};
    state.write(0, device);
    const std::size_t tail = bytes.size() / page * page;
    stream.write(tail, bytes.substr(tail));
    for (std::size_t at = tail; at > 0; at -= page)
        stream.write(at - page, bytes.substr(at - page, page));
    const Bytes other = noise(3 * page, 9);
    stream.write(5 * page, other);
    bytes.replace(5 * page, other.size(), other);
    stream.zero(6 * page, page);
    bytes.replace(6 * page, page, Bytes(page, '\0'));
    builder.finish();
    check_holds(folder / "pushed.hxz", bytes);
    const hexz::Snapshot snapshot(folder / "pushed.hxz");
    CHECK(all_of(snapshot.stream("state")) == Bytes(device.begin(), device.end()));
    CHECK(snapshot.stream("state").info().kind == hexz::StreamKind::blob);
}

TEST(a_clean_page_is_inherited)
{
    const Folder folder;
    Bytes bytes = disk();
    hexz::BuildOptions options = pushed_to(folder / "child.hxz");
    options.parent = snapshot_of(folder, bytes);
    hexz::Builder builder(options);
    const hexz::PushedStream stream = builder.stream("disk", bytes.size(), hexz::StreamKind::disk);
    stream.inherit(0, bytes.size());
    const Bytes other = noise(page, 9);
    stream.write(7 * page, other);
    bytes.replace(7 * page, page, other);
    CHECK_EQ(builder.finish().bytes_unique, page);
    check_holds(folder / "child.hxz", bytes);
}

TEST(an_event_loop_never_waits)
{
    const Folder folder;
    const Bytes bytes = noise(6 << 20, 4);
    hexz::Builder builder(pushed_to(folder / "pushed.hxz"));
    const hexz::PushedStream stream = builder.stream("disk", bytes.size(), hexz::StreamKind::disk);
    pollfd ready{builder.ready_fd(), POLLIN, 0};
    const std::size_t piece = 1 << 20;
    for (std::size_t at = 0; at < bytes.size();) {
        if (stream.try_write(at, {bytes.data() + at, piece}))
            at += piece;
        else
            CHECK_EQ(poll(&ready, 1, -1), 1);
    }
    builder.finish();
    check_holds(folder / "pushed.hxz", bytes);
    CHECK_EQ(THROWN(hexz::Error, stream.try_write(0, Bytes(page, 'x'))).status(), hexz::Status::state);
    CHECK_EQ(THROWN(hexz::Error, stream.try_write(0, Bytes(piece + page, 'x'))).status(), hexz::Status::invalid_argument);
}

TEST(an_ostream_is_pushed)
{
    const Folder folder;
    std::ostringstream kept;
    hexz::Builder builder(pushed_to(folder / "pushed.hxz"));
    hexz::PushStream out(builder.stream("disk", 3 << 20, hexz::StreamKind::disk));
    for (int i = 0; i < 200000; i++) {
        out << "net " << i << '\n';
        kept << "net " << i << '\n';
    }
    CHECK(out.good());
    out.close();
    builder.finish();
    Bytes want = kept.str();
    CHECK(want.size() > 1 << 20 && want.size() % page != 0);
    want.resize(3 << 20);
    check_holds(folder / "pushed.hxz", want);

    // Behind the end: said by the stream, and thrown by close().
    hexz::Builder other(pushed_to(folder / "other.hxz"));
    hexz::PushStream small(other.stream("disk", page + 5));
    small << Bytes(page + 5, 'x');
    small.close();
    hexz::PushStream large(other.stream("large", page + 5));
    large << Bytes(page + 6, 'x');
    CHECK_EQ(THROWN(hexz::Error, (large.close(), 0)).status(), hexz::Status::out_of_range);
    hexz::PushStream larger(other.stream("larger", page));
    larger << Bytes((1 << 20) + 1, 'x');
    CHECK(larger.bad());
    CHECK_EQ(THROWN(hexz::Error, (larger.close(), 0)).status(), hexz::Status::out_of_range);
}

TEST(a_builder_goes_into_a_sink_and_moves)
{
    const Folder folder;
    const Bytes bytes = disk();
    const Bytes by_path = get(snapshot_of(folder, bytes));
    Bytes taken;
    hexz::BuildOptions options;
    options.sink = hexz::Sink{};
    options.sink->write = [&](const void *data, std::size_t len) { taken.append(static_cast<const char *>(data), len); };
    hexz::Builder first(options);
    const hexz::PushedStream stream = first.stream("disk", bytes.size(), hexz::StreamKind::disk);
    stream.write(0, bytes.substr(0, page));
    hexz::Builder builder = std::move(first);
    CHECK_EQ(THROWN(hexz::Error, first.finish()).status(), hexz::Status::invalid_argument);
    CHECK_EQ(THROWN(hexz::Error, builder.ready_fd()).status(), hexz::Status::unsupported);
    stream.write(page, bytes.substr(page));
    CHECK_EQ(THROWN(hexz::Error, (stream.write(0, bytes.substr(0, page)), 0)).status(), hexz::Status::state);
    builder.finish();
    CHECK(taken == by_path);
}

TEST(what_a_builder_is_refused)
{
    const Folder folder;
    hexz::BuildOptions options = pushed_to(folder / "pushed.hxz");
    options.source = "disk.img";
    CHECK_EQ(THROWN(hexz::Error, hexz::Builder(options)).status(), hexz::Status::invalid_argument);
    options.source.clear();
    {
        hexz::Builder builder(options);
        CHECK_EQ(THROWN(hexz::Error, builder.finish()).status(), hexz::Status::state);
    }
    {
        hexz::Builder builder(options);
        const hexz::PushedStream stream = builder.stream("disk", 2 * page);
        const Bytes bytes(page, 'x');
        CHECK_EQ(THROWN(hexz::Error, (stream.write(1, bytes), 0)).status(), hexz::Status::invalid_argument);
        CHECK_EQ(THROWN(hexz::Error, (stream.write(2 * page, bytes), 0)).status(), hexz::Status::out_of_range);
        CHECK_EQ(THROWN(hexz::Error, (stream.inherit(0, page), 0)).status(), hexz::Status::invalid_argument);
        CHECK_EQ(THROWN(hexz::Error, builder.stream("disk", 1).size()).status(), hexz::Status::invalid_argument);
        CHECK_EQ(THROWN(hexz::Error, builder.stream(std::string("a\0b", 3), 1).size()).status(),
                 hexz::Status::invalid_argument);
        stream.write(0, bytes);
    }
    // Unfinished, it leaves nothing.
    CHECK_EQ(folder.entries(), 0);
}

TEST(what_a_builders_callbacks_throw_comes_out)
{
    const Folder folder;
    hexz::BuildOptions options;
    options.sink = hexz::Sink{};
    options.sink->write = [](const void *, std::size_t) { throw Refusal{3}; };
    bool aborted = false;
    options.sink->abort = [&] { aborted = true; };
    {
        hexz::Builder builder(options);
        const hexz::PushedStream stream = builder.stream("disk", 64 << 20);
        const Bytes bytes = noise(1 << 20, 3);
        const auto push = [&] {
            for (std::uint64_t at = 0; at < 64 << 20; at += bytes.size())
                stream.write(at, bytes);
            return builder.finish();
        };
        CHECK_EQ(THROWN(Refusal, push()).value, 3);
    }
    CHECK(aborted);
    options = pushed_to(folder / "pushed.hxz");
    const hexz::Cancel cancel;
    options.cancel = &cancel;
    {
        hexz::Builder builder(options);
        builder.stream("disk", page).zero(0, page);
        cancel.trigger();
        CHECK_EQ(THROWN(hexz::Cancelled, builder.finish()).status(), hexz::Status::cancelled);
    }
    options = pushed_to(folder / "pushed.hxz");
    options.encrypt = true;
    options.kdf = cheap;
    options.password = [](const hexz::PasswordRequest &) -> std::optional<std::string> { throw Refusal{4}; };
    CHECK_EQ(THROWN(Refusal, hexz::Builder(options)).value, 4);
    options.password = password("secret");
    hexz::Builder builder(options);
    builder.stream("disk", 5, hexz::StreamKind::disk).write(0, Bytes("12345"));
    builder.finish();
    check_holds(folder / "pushed.hxz", "12345", {password("secret")});
}
