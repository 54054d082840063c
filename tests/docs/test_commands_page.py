"""docs/commands.md has a section for each command and a row for each of its options, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from otel_bridge.cli import main

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text()
SHARED = {"--config", "--data-dir", "--set"}


def commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(main))


def options(command: click.Command) -> set[str]:
    return {o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")}


def rows(text: str) -> set[str]:
    first = re.findall(r"^\| (`-[^|]*) \|", text, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(--[\w-]+)`", cell)}


def test_there_is_a_section_for_each_command() -> None:
    assert sorted(re.findall(r"^## (.*)$", PAGE, re.MULTILINE)) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_row(name: str) -> None:
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    assert rows(section[1]) == options(COMMANDS[name]) - SHARED


def test_shared_options_are_those_of_all_commands_but_two() -> None:
    assert rows(PAGE.split("\n## ")[0]) == SHARED | {"--help"}
    without = {name for name, command in COMMANDS.items() if not options(command) >= SHARED}
    assert without == {"config example", "config schema"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_a_help_text(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []
