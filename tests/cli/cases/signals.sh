# Interrupted, terminated or killed: the whole output or none, and the old one until then.
tally python3 "$here/signals.py" "$HEXZ" "$T/noise" .
