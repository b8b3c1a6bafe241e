# A source whose mode, links or name change during a build has the same contents, and the build is fine;
# one that is written to is refused. All is done in the first call of progress, so that no clock decides.
head -c 3000000 /dev/urandom >source.raw
build_while() { # COMMAND: builds source.raw, and runs the command when the build has begun
    PYTHONPATH=$root/tests/qcow2 python3 -c '
import subprocess, sys
import abi
abi.build("source.raw", "out.hxz", meanwhile=lambda: subprocess.run(sys.argv[1], shell=True, check=True))
' "$1"
}
for how in 'chmod g+r source.raw' 'ln source.raw link.raw' 'mv source.raw moved.raw' 'setfattr -n user.a -v b source.raw || :'; do
    check "$how during a build" build_while "$how"
    [ ! -f moved.raw ] || mv moved.raw source.raw
done
refuse 'written during a build' build_while 'echo more >>source.raw'
refuse 'dated during a build' build_while 'touch -d 2001-01-01 source.raw'
