/* Builds a snapshot of a disk image and, when a second input is named, of the memory dump beside it.
 *
 *     cc -std=c99 build.c -lhexz -o build && ./build disk.img vm.hxz memory.dump
 */
#include <hexz.h>
#include <inttypes.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: build SOURCE OUTPUT [MEMORY]\n");
        return 2;
    }
    hexz_build_report report = HEXZ_INIT(hexz_build_report);
    hexz_build_opts opts = HEXZ_INIT(hexz_build_opts);
    opts.source = argv[1];
    opts.output = argv[2];
    opts.memory = argv[3]; /* NULL when argc is 3, and then there is no memory stream */
    opts.report = &report;
    if (hexz_build(&opts) != HEXZ_OK) {
        fprintf(stderr, "build: %s\n", hexz_last_error());
        return 1;
    }
    printf("%s: %" PRIu64 " bytes\n", argv[2], report.file_size);
    return 0;
}
