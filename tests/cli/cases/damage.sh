# A snapshot that was cut, lengthened, changed, or made by a later version.
hexz build "$T/small" a.hxz --quiet --profile embedded
tally python3 "$here/damage.py" "$HEXZ" a.hxz "$T/small" .
