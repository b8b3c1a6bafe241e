# shellcheck shell=bash
# For scripts that run apt in another root: how this machine reaches its sources (a proxy, a
# mirror with an old date) holds there as well, but is not left in it.

# Lines of `NAME "VALUE";`, as apt.conf(5) has them and apt's -o takes them.
transport_options() {
    apt-config dump --format '%f "%v";%n' Acquire |
        grep -E '^Acquire::((http|https)::[^"]*[^:"] "[^"]+|Retries "|Check-(Valid-Until|Date) ")' || true
}
