#!/usr/bin/env python3
"""Makes the man page and the shells' completions from the tool's own tables (`hexz help --json`).

    tools/manual.py HEXZ [--check]

With --check nothing is written: it tells which file is not what the tables say.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What the commands want of the shell, by the name of a value or operand.
FILES = {"FILE", "PATH", "SOURCE", "OUTPUT"}


def words_of(value):
    """The words that there are for a value, or none."""
    return value.split("|") if value and "|" in value else []


def operand_words(command):
    return [word for operand in command["operands"].split() for word in words_of(operand)]


def takes_files(command):
    return any(operand in FILES for operand in command["operands"].split())


# The man page --------------------------------------------------------------------------------


def roff(text):
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(r"\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def roff_option(option):
    value = f" \\fI{roff(option['value'])}\\fR" if option["value"] else ""
    letter = f"\\fB\\-{option['letter']}\\fR, " if option["letter"] else ""
    name = roff(option["name"])
    return f".TP\n{letter}\\fB\\-\\-{name}\\fR{value}\n{roff(option['help'])}\n"


def roff_notes(notes):
    """Paragraphs; lines that begin with a word and a column of blanks stay as they are."""
    out = []
    for paragraph in (notes or "").strip().split("\n\n"):
        if not paragraph:
            continue
        if re.search(r"^\w+ {2,}", paragraph, re.MULTILINE):
            out.append(f".PP\n.nf\n{roff(paragraph)}\n.fi\n")
        else:
            out.append(f".PP\n{roff(paragraph)}\n")
    return "".join(out)


def man_page(tables):
    commands = ""
    for command in tables["commands"]:
        operands = f" \\fI{roff(command['operands'])}\\fR" if command["operands"] else ""
        commands += f".SS \"hexz {command['name']}\"\n"
        commands += f".B hexz {command['name']}\n[\\fIOPTION\\fR].\\|.\\|.{operands}\n.PP\n"
        summary = command["summary"]
        commands += f"{roff(summary[0].upper() + summary[1:])}.\n"
        commands += "".join(roff_option(option) for option in command["options"])
        commands += roff_notes(command["notes"])
    page = (ROOT / "man/hexz.1.in").read_text(encoding="utf-8")
    page = page.split("\n", 1)[1]  # the comment for whoever edits it
    head = '.\\" Made by tools/manual.py from man/hexz.1.in and `hexz help --json`.\n'
    return head + page.replace("@VERSION@", tables["version"]).replace("@COMMANDS@\n", commands)


# Completions ---------------------------------------------------------------------------------


def names_of(command):
    out = []
    for option in command["options"]:
        out.append("--" + option["name"])
        if option["letter"]:
            out.append("-" + option["letter"])
    return out


def flags_with(tables, wanted):
    """By command and option, those whose value is wanted: 'build:--memory | build:-m'."""
    found = []
    for command in tables["commands"]:
        for option in command["options"]:
            if not option["value"] or not wanted(option):
                continue
            found.append(f"{command['name']}:--{option['name']}")
            if option["letter"]:
                found.append(f"{command['name']}:-{option['letter']}")
    return found


def bash(tables):
    names = " ".join(c["name"] for c in tables["commands"])
    values = ""
    for command in tables["commands"]:
        for option in command["options"]:
            if words_of(option["value"]):
                here = flags_with({"commands": [command]}, lambda o, it=option: o is it)
                words = " ".join(words_of(option["value"]))
                values += f"    {' | '.join(here)}) words='{words}' ;;\n"
    files = flags_with(tables, lambda o: o["value"] in FILES)
    others = flags_with(tables, lambda o: o["value"] not in FILES and not words_of(o["value"]))
    values += f"    {' | '.join(files)}) files=yes ;;\n"
    values += f"    {' | '.join(others)}) return ;;\n"
    operands = ""
    for command in tables["commands"]:
        words = operand_words(command)
        if command["name"] == "help":
            words = ["$commands"]
        files_too = " files=yes" if takes_files(command) else ""
        text = f' words="{" ".join(words)}"' if words else ""
        options = " ".join(names_of(command))
        operands += f"        {command['name']}) options='{options}'{text}{files_too} ;;\n"
    return f"""# bash completion of hexz. Made by tools/manual.py from `hexz help --json`.
_hexz() {{
    local commands='{names}'
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}}
    local words='' options='' files='' i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$word")
        return
    fi
    # --name=value comes as three words, since bash splits at '='.
    if [ "$word" = = ]; then
        word=''
    elif [ "$before" = = ]; then
        before=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case $command:$before in
{values}    *)
        case $command in
{operands}        *) return ;;
        esac
        for ((i = 2; i < COMP_CWORD; i++)); do
            [ "${{COMP_WORDS[i]}}" != -- ] || options=''
        done
        if [[ $word == -* && -n $options ]]; then
            words=$options files=''
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [ -n "$files" ]; then
        local -a found
        mapfile -t found < <(compgen -f -- "$word")
        COMPREPLY+=("${{found[@]}}")
        compopt -o filenames 2>/dev/null
    fi
}}
complete -F _hexz hexz
"""


def zsh_text(text):
    text = re.sub(r"([\[\]:\\])", r"\\\1", text.replace("\n", " "))
    return text.replace("'", "'\\''")


def zsh_value(value):
    words = words_of(value)
    if words:
        return f":value:({' '.join(words)})"
    if value in FILES:
        return ":file:_files"
    return f":{value}: " if value else ""


def zsh(tables):
    out = "#compdef hexz\n# zsh completion of hexz. Made by tools/manual.py from `hexz help --json`.\n"
    out += "_hexz() {\n    local -a commands\n    commands=(\n"
    for command in tables["commands"]:
        out += f"        '{command['name']}:{zsh_text(command['summary'])}'\n"
    out += "    )\n    if (( CURRENT == 2 )); then\n        _describe -t commands command commands\n        return\n    fi\n"
    out += "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n"
    for command in tables["commands"]:
        out += f"    {command['name']})\n        _arguments -S"
        for option in command["options"]:
            text = f"[{zsh_text(option['help'])}]"
            value = zsh_value(option["value"])
            out += f" \\\n            '--{option['name']}{'=' if value else ''}{text}{value}'"
            if option["letter"]:
                out += f" \\\n            '-{option['letter']}{'+' if value else ''}{text}{value}'"
        for i, operand in enumerate(command["operands"].split(), 1):
            if command["name"] == "help":
                out += f" \\\n            '{i}:command:({' '.join(c['name'] for c in tables['commands'])})'"
            else:
                out += f" \\\n            '{i}{zsh_value(operand)}'"
        out += "\n        ;;\n"
    return out + '    esac\n}\n_hexz "$@"\n'


def fish_text(text):
    return text.replace("\n", " ").replace("\\", "\\\\").replace("'", "\\'")


def fish(tables):
    out = "# fish completion of hexz. Made by tools/manual.py from `hexz help --json`.\n"
    names = " ".join(c["name"] for c in tables["commands"])
    out += "complete -c hexz -f\n"
    for command in tables["commands"]:
        out += f"complete -c hexz -n __fish_use_subcommand -a {command['name']} -d '{fish_text(command['summary'])}'\n"
    for command in tables["commands"]:
        start = f"complete -c hexz -n '__fish_seen_subcommand_from {command['name']}'"
        if takes_files(command):
            out += f"{start} -F\n"
        words = names if command["name"] == "help" else " ".join(operand_words(command))
        if words:
            out += f"{start} -a '{words}'\n"
        for option in command["options"]:
            letter = f" -s {option['letter']}" if option["letter"] else ""
            value = ""
            if words_of(option["value"]):
                value = f" -x -a '{' '.join(words_of(option['value']))}'"
            elif option["value"] in FILES:
                value = " -r -F"
            elif option["value"]:
                value = " -x"
            out += f"{start} -l {option['name']}{letter}{value} -d '{fish_text(option['help'])}'\n"
    return out


def main(hexz, *options):
    tables = json.loads(subprocess.run([hexz, "help", "--json"], check=True, capture_output=True).stdout)
    stale = []
    for name, text in (
        ("man/hexz.1", man_page(tables)),
        ("completions/hexz.bash", bash(tables)),
        ("completions/_hexz", zsh(tables)),
        ("completions/hexz.fish", fish(tables)),
    ):
        path = ROOT / name
        if "--check" in options:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"not what the tables say: {', '.join(stale)}; run make manual")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
