"""docs/consumers.md is written from the table of profiles. `UPDATE_DOCS=1` writes it anew."""

import os
import re
from pathlib import Path

from otel_bridge.openlineage.profiles import PROFILES, Profile
from otel_bridge.openlineage.profiles.shedding import LAST, NEVER, ORDER

PAGE = Path(__file__).parents[2] / "docs/consumers.md"
PROFILES_PART = re.compile(r"(?<=<!-- profiles -->\n).*?(?=<!-- end of profiles -->)", re.DOTALL)
SHEDDING_PART = re.compile(r"(?<=<!-- shedding -->\n).*?(?=<!-- end of shedding -->)", re.DOTALL)


def profiles() -> str:
    return "\n".join(section(profile) for profile in PROFILES.values())


def section(profile: Profile) -> str:
    lines = [f"## {profile.title}", "", f"`profile: {profile.name}`. {profile.about}", ""]
    lines += [f"- Authentication: {profile.auth}."]
    if "type: http" in profile.example:
        lines += [f"- Path below `url`: `{profile.endpoint}`."]
        lines += [f"- Batches: {batches(profile)}."]
    lines += ["", "```yaml", profile.example.strip(), "```", ""]
    if profile.rules:
        lines += ["| rule | what it does | why | source |", "|---|---|---|---|"]
        lines += [f"| `{r.id}` | {r.what()} | {r.reason} | {cell(r.source)} |" for r in profile.rules]
        lines += [""]
    if profile.notes:
        lines += ["To know besides:", ""]
        lines += [f"- {note.text} ({cell(note.source)})" for note in profile.notes]
        lines += [""]
    return "\n".join(lines)


def batches(profile: Profile) -> str:
    if profile.batch is None:
        return "it takes none"
    shape = {"array": "`[...]`", "events": '`{"events": [...]}`'}[profile.batch.shape]
    return f"`{profile.batch.path}`, as {shape}"


def cell(source: str) -> str:
    source = re.sub(r"docs/(adr/[\w-]+\.md)", r"[docs/\1](\1)", source)
    return re.sub(r"(https://\S+?)(?=[,;]?(\s|$))", r"<\1>", source)


def shedding() -> str:
    names = ", ".join(f"`{name}`" for name in ORDER)
    last = ", ".join(f"`{name}`" for name in LAST)
    never = ", ".join(f"`{name}`" for name in sorted(NEVER))
    return (
        f"1. {names};\n2. every other facet, the largest first;\n3. {last}.\n\n"
        f"Never shed: {never}, and the names of the run, its job and its datasets.\n"
    )


def test_the_page_is_that_of_the_table() -> None:
    page = PAGE.read_text()
    if os.environ.get("UPDATE_DOCS"):
        page = PROFILES_PART.sub(lambda _: profiles(), page)
        page = SHEDDING_PART.sub(lambda _: shedding(), page)
        PAGE.write_text(page)
    found = PROFILES_PART.findall(page) + SHEDDING_PART.findall(page)
    assert found == [profiles(), shedding()], "run it with UPDATE_DOCS=1 and read what changed"
