"""What every command shares: the configuration options, and errors that end in exit code 2 with a plain text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from otel_bridge.model import BridgeError, ConfigError
from otel_bridge.settings import Settings

ANSWER_WITHIN_S = 5.0

Command = TypeVar("Command", bound=Callable[..., Any])


class BridgeGroup(click.Group):
    """A group whose commands report our own errors as text, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; BridgeError becomes `error: …` on stderr and exit code 2."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"error: {problem}", err=True)
        except BridgeError as error:
            click.echo(f"error: {error}", err=True)
        raise SystemExit(2)


def configured(command: Command) -> Command:
    """Adds --config, --data-dir and --set; the command receives `settings`."""

    def with_settings(
        config: Path | None, data_dir: str | None, assignments: tuple[str, ...], **others: Any
    ) -> Any:
        from otel_bridge.config import load

        flags = [*assignments, *([f"data_dir={data_dir}"] if data_dir else [])]
        return command(settings=load(config, flags), **others)

    with_settings.__name__ = command.__name__
    with_settings.__doc__ = command.__doc__
    with_settings.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="PATH=VALUE",
            help="Set one configuration value, such as runs.parent_wait=5s; may be repeated.",
        ),
        click.option("--data-dir", metavar="DIR", help="Folder of the journal; --set data_dir=DIR."),
        click.option("--config", type=click.Path(path_type=Path), help="Configuration file (YAML)."),
    ):
        with_settings = option(with_settings)
    return with_settings  # type: ignore[return-value]


def table_or_json(what: str) -> Callable[[Command], Command]:
    """Adds --format; the command receives `format_`."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help=what,
    )


def data_dir(settings: Settings) -> Path:
    """The data directory, which must exist for a command that looks into it."""
    directory = Path(settings.data_dir)
    if not directory.is_dir():
        wrong = "is no folder" if directory.exists() else "does not exist"
        raise BridgeError(
            f"{directory} {wrong}. Start `otel-bridge serve` first, or name another one with --data-dir."
        )
    return directory


def known_destination(directory: Path, name: str) -> None:
    """BridgeError unless the journal keeps a place for a destination of this name."""
    from otel_bridge.journal import DeliveryReader

    known = sorted(DeliveryReader(directory).cursors())
    if name not in known:
        hint = (
            f"Known: {', '.join(known)}."
            if known
            else "There is none; add one to `destinations` and start `otel-bridge serve`."
        )
        raise BridgeError(f"no destination is named {name!r}. {hint}")


def duration_ns(text: str) -> int:
    """`10m` and the like in nanoseconds, for options."""
    from otel_bridge.settings import Duration

    try:
        return int(Duration.parse(text) * 1e9)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def ask(
    directory: Path,
    database: Literal["accepted", "events", "delivery"],
    command: str,
    target: str,
    argument: Any,
) -> str:
    """Leave a wish for the running bridge and wait a moment for its answer, which is returned."""
    import time

    from otel_bridge import journal

    wish = journal.ask(directory, database, command, target, argument)
    end = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < end:
        if (said := journal.outcome(directory, database, wish)) is not None:
            return said
        time.sleep(0.05)
    return "It is noted, and carried out when the bridge runs: `otel-bridge serve`."
