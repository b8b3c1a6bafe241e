# Passwords typed on a terminal.
tally python3 "$here/prompt.py" "$HEXZ" "$T/noise" .
