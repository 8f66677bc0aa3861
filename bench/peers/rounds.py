"""Rounds: each contender once, one after the other, and again where somebody else used the processors."""

import dataclasses
import time

import machine

BETWEEN = 0.05  # seconds after a turn, in which the threads of the one before fall asleep


@dataclasses.dataclass
class Rules:
    wanted: int = 7  # rounds that count
    most: int = 21  # rounds that are tried for them
    least_seconds: float = 0.0  # more rounds than that where they are short: states of the machine last longer than a turn
    most_foreign: float = 0.08  # share of the processors that others may have in a round that counts


def one_round(turns, backwards):
    """Calls each turn of {name: function} and returns what it gave, and what others took of the processors."""
    watch = machine.Watch()
    results = {}
    for name in reversed(turns) if backwards else turns:
        results[name] = turns[name]()
        time.sleep(BETWEEN)
    return {"results": results, "foreign": watch.foreign_share()}


def take_rounds(turns, rules):
    """All rounds in their order, each with "kept". Where too few were calm, the calmest of the others are kept too."""
    rounds = []
    calm = 0
    began = time.monotonic()
    while (calm < rules.wanted and len(rounds) < rules.most) or time.monotonic() - began < rules.least_seconds:
        # every other round the other way round, so that none always follows the same one
        rounds.append(one_round(turns, len(rounds) % 2 == 1))
        rounds[-1]["calm"] = rounds[-1]["foreign"] <= rules.most_foreign
        calm += rounds[-1]["calm"]
    calmest = sorted(rounds, key=lambda one: one["foreign"])[:rules.wanted]
    for one in rounds:
        one["kept"] = one["calm"] or any(one is other for other in calmest)
    return rounds


def tell(rounds):
    """ "7 rounds, 2 discarded" and, where the machine was never calm enough, what is wrong with those kept."""
    kept = [one for one in rounds if one["kept"]]
    text = f"{len(kept)} rounds, {len(rounds) - len(kept)} discarded"
    disturbed = [one for one in kept if not one["calm"]]
    if disturbed:
        worst = max(one["foreign"] for one in disturbed)
        text += f"; DISTURBED: in {len(disturbed)} of them others took up to {worst:.0%} of the processors"
    return text
