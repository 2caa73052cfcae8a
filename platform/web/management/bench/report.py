"""The figures as a table for a person."""

from typing import Any

_ROW = "{:<44} {:>12} {:>12} {:>9}   {}"


def render(report: dict[str, Any]) -> str:
    """Return the table of a report; ratios first, because they compare between machines."""
    lines = [_ROW.format("", "ours", "bare", "ratio", "quartiles")]
    for scale in report["scales"]:
        lines.append(f"at {scale['events']:,} events of {scale['learners']:,} learners")
        lines += [_pair("  read a slate / empty authenticated view", scale["read"])]
        lines += [
            _pair(f"  take in {size} events / bare COPY", entry)
            for size, entry in scale["intake"].items()
        ]
        refresh = scale["refresh"]
        name = f"  refresh {refresh['learners']} learners / bare forward pass"
        lines.append(_pair(name, refresh))
        lines.append(
            f"    beside all the model computes for slates {refresh['ratio_to_model']:.2f}; "
            f"{refresh['ms_a_learner']:.2f} ms a learner; {refresh['items']} items"
        )
        lines.append("    " + ", ".join(f"{k} {v:.0%}" for k, v in refresh["phases"].items()))
        lines.append(
            f"    within that: calibrating attention {refresh['calibration']['share']:.1%} "
            f"({refresh['calibration']['ms']:.1f} ms, {refresh['watched']} learners watched), "
            f"its map {refresh['map']['share']:.1%}"
        )
        for count, entry in scale["reweight"].items():
            name = f"  re-weight and refresh {count} / bare forward pass"
            lines.append(_pair(name, entry))
            lines.append(
                f"    of that {entry['fold_ms']:.2f} ms to fold {entry['feedback_each']} feedbacks each"
            )
    lines += _describe_growth(report["scales"])
    lines += _describe_latency(report["latency"])
    lines.append(f"measured in {report['seconds']:.0f} s")
    return "\n".join(lines)


def _pair(name: str, entry: dict[str, Any]) -> str:
    low, high = entry["ratio_quartiles"]
    ours, bare = f"{entry['ours_ms']:.2f} ms", f"{entry['bare_ms']:.2f} ms"
    return _ROW.format(name, ours, bare, f"{entry['ratio']:.2f}", f"{low:.2f} to {high:.2f}")


def _describe_growth(scales: list[dict[str, Any]]) -> list[str]:
    if len(scales) < 2:
        return []
    small, large = scales[0], scales[-1]
    parts = {"read a slate": "read", "refresh": "refresh"}
    timings = [(name, small[part], large[part]) for name, part in parts.items()]
    timings += [
        (f"take in {size} events", small["intake"][size], large["intake"][size])
        for size in small["intake"]
    ]
    lines = [f"ratio at {large['events']:,} events beside that at {small['events']:,}"]
    for name, before, after in timings:
        ratios = f"{after['ratio']:.2f}", f"{before['ratio']:.2f}"
        lines.append(
            _ROW.format(f"  {name}", *ratios, f"{after['ratio'] / before['ratio']:.2f}", "")
        )
    return lines


def _describe_latency(latency: dict[str, Any]) -> list[str]:
    lines = [f"with {latency['events_a_second']:.1f} events a second coming in"]
    for key, name in [
        ("accepted_ms", "event accepted"),
        ("newer_slate_ms", "event → newer slate stored"),
        ("api_shows_it_ms", "event → the API shows it"),
    ]:
        entry = latency[key]
        if entry is not None:
            lines.append(
                f"  {name:<30} median {entry['median']:.0f} ms, 95% {entry['p95']:.0f} ms, "
                f"most {entry['most']:.0f} ms ({entry['count']})"
            )
    if latency["never"]:
        lines.append(f"  {latency['never']} events without a newer slate")
    lines.append("memory under that load, MB (PSS shares what processes share)")
    for part, entry in latency["memory"].items():
        pss = "unknown" if entry["pss_mb"] is None else f"{entry['pss_mb']:.0f}"
        lines.append(
            f"  {part:<10} {entry['processes']:>3} processes   RSS {entry['rss_mb']:.0f}   PSS {pss}"
        )
    return lines
