#include <hexz.hpp>
#include <iostream>

int main()
try {
    hexz::BuildOptions options;
    options.source = "disk.img";
    options.memory = "memory.dump"; // optional: becomes a second stream
    options.output = "machine.hxz";
    hexz::build(options);
    const hexz::Snapshot snapshot("machine.hxz");
    std::vector<std::byte> page(4096);
    snapshot.stream("disk").read(1 << 20, page);
} catch (const hexz::Error &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
