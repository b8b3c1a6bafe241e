// Mistakes that the compiler stops: compiled once for each number in CASE, and only 0 compiles.
#include <hexz.hpp>

void mistake(const std::vector<std::byte> &constant);
void mistake(const std::vector<std::byte> &constant)
{
    hexz::Snapshot snapshot("vm.hxz");
    hexz::BuildOptions options;
    std::vector<std::byte> bytes(constant.size());
#if CASE == 0
    snapshot.stream("disk").read(0, bytes);
#elif CASE == 1 // one handle, two owners
    hexz::Snapshot copy = snapshot;
#elif CASE == 2 // a stream of a snapshot that is gone at the end of the line
    hexz::Stream stream = hexz::Snapshot("vm.hxz").stream("disk");
    stream.read(0, bytes);
#elif CASE == 3 // reading into what may not be changed
    snapshot.stream("disk").read(0, constant);
#elif CASE == 4 // opening, and dropping the handle
    hexz::Snapshot("vm.hxz");
#elif CASE == 5 // bytes that nobody looks at
    snapshot.stream("disk").read(0, 4096);
#elif CASE == 6 // a progress callback that does not say whether to go on
    options.progress = [](const hexz::Progress &) {};
#elif CASE == 7 // a path that silently becomes an open snapshot
    hexz::Snapshot converted = std::string("vm.hxz");
#elif CASE == 8 // objects whose bytes mean nothing
    std::vector<std::string> strings(3);
    snapshot.stream("disk").read(0, strings);
#elif CASE == 9 // a status where a number is wanted
    int number = hexz::Status::ok;
    bytes.resize(static_cast<std::size_t>(number));
#elif CASE == 10 // a stream of a builder that is gone at the end of the line
    hexz::Builder(options).stream("disk", 4096).write(0, bytes);
#elif CASE == 11 // pushing, and not asking whether it was taken
    hexz::Builder builder(options);
    builder.stream("disk", 4096).try_write(0, bytes);
#else
#error "no such case"
#endif
}
