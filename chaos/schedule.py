"""What is done to the bridge and its surroundings, and after how many answered requests: made from a seed."""

import random
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from chaos.kills import ROLES

Kind = Literal["kill", "down", "up", "move", "fill", "limit", "clock"]
IN_COMMIT = "in a commit"
AT_RANDOM = "at random"
TWICE = "while it starts"
HOUR_S = 3600
JUMPS_S = (6 * HOUR_S, -6 * HOUR_S, 240 * HOUR_S, -3 * HOUR_S, 40)


class Action(msgspec.Struct, frozen=True):
    """Something to do once `at` requests are answered.

    `target` is a role or `all` for kills, a destination for outages; `detail` the moment of a kill, or by how many
    seconds the clock differs from then on.
    """

    at: int
    kind: Kind
    target: str = ""
    detail: str = ""


def schedule(
    seed: int, requests: int, kills: int, families: Iterable[str], destinations: Sequence[str]
) -> list[Action]:
    """Episodes in random order, evenly over the requests; each has one action, or a beginning and an end.

    Families are `kill`, `down` (of destinations), `file` (moved away), `fill` and `limit` (of the disk), `clock`.
    """
    rng = random.Random(f"schedule {seed}")
    wanted = frozenset(families)
    episodes = _kills(rng, kills) if "kill" in wanted else []
    if "down" in wanted:
        episodes += [[("down", name, ""), ("up", name, "")] for name in destinations for _ in range(2)]
    if "file" in wanted:
        episodes += [[("move", "", "")] for _ in range(2)]
    episodes += [[(kind, "", "")] for kind in ("fill", "limit") if kind in wanted for _ in range(2)]
    if "clock" in wanted:
        episodes += [[("clock", "", str(seconds))] for seconds in rng.sample(JUMPS_S, len(JUMPS_S))]
    rng.shuffle(episodes)
    return _placed(rng, episodes, requests)


def _kills(rng: random.Random, count: int) -> list[list[tuple[Kind, str, str]]]:
    """Each process as often as the others, and all at once; every fourth at random, and one while it starts."""
    targets = [(*ROLES, "all")[n % 4] for n in range(count)]
    rng.shuffle(targets)
    moments = (IN_COMMIT, TWICE, IN_COMMIT, AT_RANDOM)
    return [[("kill", target, moments[n % 4])] for n, target in enumerate(targets)]


def _placed(
    rng: random.Random, episodes: Sequence[Sequence[tuple[Kind, str, str]]], requests: int
) -> list[Action]:
    """One episode a slot; what an episode begins ends after others began."""
    slot = requests * 0.9 / max(len(episodes), 1)
    found = []
    for number, episode in enumerate(episodes):
        first = int(slot * (number + 0.2 + 0.6 * rng.random()))
        for step, (kind, target, detail) in enumerate(episode):
            found.append(Action(first + int(1.5 * step * slot), kind, target, detail))
    return sorted(found, key=lambda action: action.at)
