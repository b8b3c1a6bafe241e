# The front door. `make` builds the libraries and the tool, `make help` lists the rest.
# Targets other than `make` and `make install` first install what they need and the
# machine lacks (tools/deps.sh).

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
CC         ?= cc
CFLAGS     ?= -O2 -g
CARGO      ?= cargo

out     := target/release
tool_c  := c-examples/hexz.c $(wildcard c-examples/hexz/*.c)
tool_o  := $(tool_c:c-examples/%.c=target/tool/%.o)
version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)

all: lib tool static

help:
	@sed -n 's/^#: //p' Makefile

#: make            libhexz.so, libhexz.a and the tool, under target/
lib:
	$(CARGO) build --release --locked

tool: target/hexz
target/hexz: $(tool_o) $(out)/libhexz.so
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(tool_o) -L$(out) -lhexz -Wl,-rpath,'$$ORIGIN/release'
target/tool/%.o: c-examples/%.c include/hexz.h $(wildcard c-examples/hexz/*.h)
	@mkdir -p $(@D)
	$(CC) -std=c99 -Wall -Wextra -Wpedantic $(CPPFLAGS) $(CFLAGS) -Iinclude -c -o $@ $<

static: target/libhexz.a
target/libhexz.a: $(out)/libhexz.a tools/static.sh
	tools/static.sh $< $@

# Cargo decides whether these are new; what is made of them follows only then.
$(out)/libhexz.a $(out)/libhexz.so: lib ;

#: make test       every check there is, in order, until one fails
test:
	tools/deps.sh build test python
	tools/test.sh

#: make soak       what CI runs a short form of, whole: every byte of an encrypted file changed,
#:                 a million damaged qcow2 images
soak: all
	tools/deps.sh build test
	HEXZ_SOAK=1 HEXZ_C_MODES=plain tests/c/run.sh hostile hostile_encrypted
	PROFILE=release tests/qcow2/mutations.sh 1000000

#: make fuzz       coverage-guided, on all cores: FUZZ_SECONDS=3600; CI runs a short form of it
fuzz:
	tools/deps.sh build test
	tools/fuzz.sh long $(or $(FUZZ_SECONDS),3600)

#: make demo       a real disk image and memory dump into snapshots and back
demo:
	tools/deps.sh build data demo
	$(MAKE) --no-print-directory lib tool
	tools/image.sh disk memory
	python3 tools/demo.py

#: make bench      against the bare loop and qemu-img (SHORT=1: on a slice of the disk)
bench:
	tools/deps.sh build data bench
	$(MAKE) --no-print-directory lib tool
	tools/image.sh $(if $(SHORT),disk,)
	python3 tools/bench.py $(if $(SHORT),--short,)

#: make data       what demo and bench run on, in target/data
data:
	tools/deps.sh data
	tools/image.sh

#: make install    install-strip, uninstall: PREFIX=/usr/local, LIBDIR, INCLUDEDIR, BINDIR, DESTDIR
places = '$(DESTDIR)' '$(PREFIX)' '$(LIBDIR)' '$(INCLUDEDIR)' '$(BINDIR)'
install install-strip: all
	tools/install.sh $@ $(version) $(places)
uninstall:
	tools/install.sh uninstall $(version) $(places)

#: make manual     man/hexz.1 and completions/, from the tables of the tool
manual: tool
	python3 tools/manual.py target/hexz

#: make clean      everything that was built; target/data and what fuzzing learnt are kept
clean:
	$(CARGO) clean --release
	$(CARGO) clean --profile dev
	rm -rf target/tool target/hexz target/libhexz.a target/venv target/go target/zig target/fuzz/build

.PHONY: all help lib tool manual static test soak fuzz demo bench data install install-strip uninstall clean
.DELETE_ON_ERROR:
