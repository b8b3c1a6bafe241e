# A source whose mode, links or name change during a build has the same contents, and the build is fine.
# The build waits in its first read of a FIFO that gives the password, so that no clock decides.
head -c 3000000 /dev/urandom >source.raw
for how in "chmod g+r source.raw" "ln source.raw link.raw" "mv source.raw moved.raw"; do
    mkfifo password
    hexz build -q --encrypt --kdf-memory 1M --kdf-passes 1 --password-file password source.raw out.hxz --overwrite &
    build=$!
    # Opening it for writing waits for the reader, which has opened its sources by then.
    (exec 3>password && $how && echo secret >&3)
    check "$how during a build" wait $build
    rm password
    [ ! -f moved.raw ] || mv moved.raw source.raw
done
