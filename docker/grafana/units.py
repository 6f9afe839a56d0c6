"""Numbers with their units, as Grafana shows them."""

from __future__ import annotations

# Factor and name, largest first; the first one that the value reaches is used.
SCALES: dict[str, list[tuple[float, str]]] = {
    "s": [(3600, " hour"), (60, " min"), (1, " s"), (1e-3, " ms"), (1e-6, " µs"), (1e-9, " ns")],
    "bytes": [(2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B")],
    "Bps": [(1e9, " GB/s"), (1e6, " MB/s"), (1e3, " kB/s"), (1, " B/s")],
    "watt": [(1e3, " kW"), (1, " W"), (1e-3, " mW")],
    "none": [(1, "")],
    "percentunit": [(0.01, "%")],
}


def scale_of(value: float, unit: str) -> tuple[float, str]:
    if unit.startswith("suffix:"):
        return 1, unit.removeprefix("suffix:")
    scales = SCALES[unit]
    return next((scale for scale in scales if abs(value) >= scale[0]), scales[-1])


def display(value: float, unit: str, decimals: int | None) -> str:
    if value == 0:
        factor, name = scale_of(1, unit)
    else:
        factor, name = scale_of(value, unit)
    scaled = value / factor
    if decimals is not None:
        return f"{scaled:.{decimals}f}{name}"
    digits = 0 if abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
    text = f"{scaled:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + name
