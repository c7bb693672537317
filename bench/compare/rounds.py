"""Rounds of a test, and what they come to."""
import os
from statistics import median

# A limit, and what it limits: the share of a token that binds it.
LIMITS = {"int8_gops": "ops", "read_gbs": "bytes"}


def per_token_of(test, details: dict) -> dict:
    """Bytes and operations of a token, by ix's count; they depend on the model and the test, not on
    the engine."""
    return {"bytes": (details["weight_bytes"] + details["kv_bytes"]) / test.tokens,
            "ops": details["linear_ops"] / test.tokens}


def weights_of(limits: dict, per_token: dict) -> dict:
    """How far each limit can matter: the time that a token takes at it alone, as a part of that of
    the limit that binds. A prompt reads its weights once for all of its tokens, so the rate of
    reading may halve and change it by a hundredth."""
    times = {key: per_token[amount] / limits[key] for key, amount in LIMITS.items() if limits[key]}
    longest = max(times.values(), default=0.0)
    return {key: time / longest if longest else 1.0 for key, time in times.items()}


def drift_between(before: dict, after: dict, per_token: dict) -> float:
    """The largest change of a limit, as a part of the larger value and as far as it matters."""
    weights = weights_of({key: max(before[key] or 0, after[key] or 0) for key in LIMITS}, per_token)
    changes = [weights[key] * (1 - min(before[key], after[key]) / max(before[key], after[key]))
               for key in LIMITS if before[key] and after[key]]
    return max(changes, default=0.0)


def by_turns(engines: list, number: int) -> list:
    """The engines in the order of a round: each round begins with another one."""
    first = number % len(engines)
    return engines[first:] + engines[:first]


def run_test(test, engines, limits, options) -> list[dict]:
    """Rounds until as many of them are kept as asked for, at most options.max_rounds."""
    rounds = []
    kept = 0
    before = limits.run()
    while kept < options.rounds and len(rounds) < options.max_rounds:
        speeds = {engine.name: engine.run(test) for engine in by_turns(engines, len(rounds))}
        after = limits.run()
        drift = drift_between(before, after, per_token_of(test, engines[0].details))
        rounds.append({"kept": drift <= options.max_drift, "drift": drift, "before": before,
                       "after": after, "tokens_per_second": speeds})
        kept += rounds[-1]["kept"]
        before = after
    return rounds


def limit_of(one: dict, key: str) -> float | None:
    """The larger of both probes of a round: a slow moment flatters nobody."""
    values = [one[when][key] for when in ("before", "after") if one[when][key]]
    return max(values, default=None)


def median_or_none(values: list) -> float | None:
    values = [value for value in values if value is not None]
    return median(values) if values else None


def engine_summary(engine, first, kept: list[dict], per_token: dict) -> dict:
    speeds = [one["tokens_per_second"][engine.name] for one in kept]
    ratios = [one["tokens_per_second"][first.name] / one["tokens_per_second"][engine.name]
              for one in kept]

    def share(amount: float, key: str) -> float | None:
        return median_or_none([speed * amount / 1e9 / limit if limit else None for speed, limit in
                               zip(speeds, [limit_of(one, key) for one in kept])])

    middle = median(speeds)
    return {"name": engine.name, "kind": engine.kind, "median_ts": middle, "min_ts": min(speeds),
            "max_ts": max(speeds),
            "ratio": median([one["tokens_per_second"][first.name] for one in kept]) / middle,
            "median_round_ratio": median(ratios),
            "gbs": middle * per_token["bytes"] / 1e9, "gops": middle * per_token["ops"] / 1e9,
            "share_read": share(per_token["bytes"], "read_gbs"),
            "share_int8": share(per_token["ops"], "int8_gops")}


def summary_of(test, engines, rounds: list[dict]) -> dict:
    """Everything about a test."""
    details = engines[0].details
    per_token = per_token_of(test, details)
    kept = [one for one in rounds if one["kept"]]
    return {"test": test.name, "model": os.path.basename(test.model),
            "model_type": details["model_type"], "model_size": details["model_size"],
            "model_n_params": details["model_n_params"], "n_prompt": test.prompt,
            "n_gen": test.generate, "n_depth": test.depth_run, "n_parallel": test.parallel,
            "bytes_per_token": per_token["bytes"], "ops_per_token": per_token["ops"],
            "limits": {key: median_or_none([limit_of(one, key) for one in kept])
                       for key in LIMITS},
            "rounds_kept": len(kept), "rounds_dropped": len(rounds) - len(kept),
            "engines": [engine_summary(engine, engines[0], kept, per_token)
                        for engine in engines] if kept else [],
            "rounds": rounds}
