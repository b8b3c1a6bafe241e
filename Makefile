# The front door. `make` builds the libraries and the tool, `make help` lists the rest.
# Targets other than `make` and `make install` first install what they need and the
# machine lacks (tools/deps.sh).

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
CFLAGS     ?= -O2 -g
# The rest is exported by whoever sets it.
export CFLAGS
# Chosen for the target where nobody says which: make's own cc, ar and ld are not.
override_default = $(if $(filter default undefined,$(origin $(1))),,$($(1)))
tools = CC='$(call override_default,CC)' AR='$(call override_default,AR)' LD='$(call override_default,LD)' \
        OBJCOPY='$(OBJCOPY)' STRIP='$(STRIP)'

version := $(shell sed -n '/^version/{s/^version = "\(.*\)"/\1/p;q}' Cargo.toml)

#: make            libhexz.so, libhexz.a and the tool, under target/
all lib tool static:
	@env $(tools) tools/build.sh $@

help:
	@sed -n 's/^#: //p' Makefile

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

#: make reproduce  builds anew in a folder of another name, with another CARGO_HOME, and compares byte by byte
reproduce:
	tools/deps.sh build
	tools/reproduce.sh

#: make fuzz       qcow2 images and snapshots, coverage-guided, on all cores: FUZZ_SECONDS=3600; CI runs a
#:                 short form of it
fuzz:
	tools/deps.sh build test
	tools/fuzz.sh long $(or $(FUZZ_SECONDS),3600)

#: make demo       a real disk image and memory dump into snapshots and back
demo:
	tools/deps.sh build data demo
	$(MAKE) --no-print-directory lib tool
	tools/image.sh disk memory
	python3 tools/demo.py

#: make bench      against the bare loop, qemu-img, restic, borg and hexz-cli (SHORT=1: on a slice of the
#:                 disk, and on 3 of 30 days)
bench:
	tools/deps.sh build data bench
	$(MAKE) --no-print-directory lib tool
	tools/image.sh $(if $(SHORT),disk,)
	tools/days.sh $(if $(SHORT),--short,)
	tools/peers.sh $(if $(SHORT),--short,)
	python3 tools/bench.py $(if $(SHORT),--short,)

#: make data       what demo and bench run on, in target/data
data:
	tools/deps.sh data
	tools/image.sh
	tools/days.sh

#: make install    what `make` built: PREFIX=/usr/local, LIBDIR, INCLUDEDIR, BINDIR, DATADIR, DESTDIR;
#:                 install-strip, uninstall
install install-strip uninstall:
	@env $(tools) tools/install.sh $@ $(version) '$(DESTDIR)' '$(PREFIX)' '$(LIBDIR)' '$(INCLUDEDIR)' '$(BINDIR)' '$(DATADIR)'

#: make manual     man/hexz.1 and completions/, from the tables of the tool
manual: tool
	python3 tools/manual.py "$$(cat target/last-built)/hexz"

#: make clean      everything that was built; target/data and what fuzzing learnt are kept
clean:
	@tools/clean.sh

.PHONY: all help lib tool manual static test soak reproduce fuzz demo bench data install install-strip uninstall clean
.DELETE_ON_ERROR:
