"""The blocks of docs/validation.md: what `edgetp validate` says of each source. Nothing here depends on the machine."""

import functools

import measuring

SOURCES = ("nccl-netem", "megatron-ethernet", "pipeline-netem", "distributed-llama", "tpi-llm", "intellect-1",
           "ladder-residual")


@functools.cache
def report():
    return {source["name"]: source for source in measuring.edgetp("validate", *SOURCES)["sources"]}


def percent(share):
    return f"{100 * share:.1f} %"


def value(number, unit):
    if unit == "s":
        return f"{number:.4g} s" if number >= 1 else f"{1e3 * number:.4g} ms"
    if unit == "share":
        return percent(number)
    return f"{number:.0f} KiB" if unit == "KiB" else f"{number:.4g} {unit}"


def error(row):
    text = f"{100 * row['error_share']:+.1f} %"
    return {"input": "input", "aside": f"({text})"}.get(row["use"], text)


def summary(_):
    rows = [[f"[{name}](#{name})", source["title"], source["predicted_rows"], percent(source["mean_error"]),
             percent(source["worst_error"])] for name, source in report().items()]
    return measuring.table(["source", "what", "rows", "mean error", "worst error"], rows)


def of_set(rows):
    head = f"**{rows['name']}**"
    if rows["predicted_rows"]:
        head += (f": mean {percent(rows['mean_error'])}, worst {percent(rows['worst_error'])} of {rows['predicted_rows']}")
    notes = [rows["note"]] if rows["note"] else []
    notes += sorted({f"In brackets: {row['why']}" for row in rows["rows"] if row["use"] == "aside"})
    table = measuring.table(["", "network", "measured", "predicted", "error"],
                            [[row["label"], row["network"], value(row["measured"], row["unit"]),
                              value(row["predicted"], row["unit"]), error(row)] for row in rows["rows"]])
    return head + "".join(f". {note[0].upper()}{note[1:]}" for note in notes) + f".\n\n{table}"


def of_source(name):
    source = report()[name]
    return f"{source['source']}.\n\n" + "\n\n".join(of_set(rows) for rows in source["sets"])


BLOCKS = {"summary": summary} | {name: functools.partial(lambda name, _: of_source(name), name) for name in SOURCES}

if __name__ == "__main__":
    measuring.measure("validation.md", BLOCKS, measuring.arguments(__doc__).parse_args())
