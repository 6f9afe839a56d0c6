// Numbers as people read them: a unit for each, and no more digits than mean something.
"use strict";

const UNKNOWN = "unknown";

const TIME_UNITS = [
  { name: "µs", size: 1e-6 },
  { name: "ms", size: 1e-3 },
  { name: "s", size: 1 },
  { name: "min", size: 60, from: 180 },
  { name: "h", size: 3600, from: 10800 },
];
const BYTE_UNITS = [
  { name: "bytes", size: 1 },
  { name: "KiB", size: 1024 },
  { name: "MiB", size: 1024 ** 2 },
  { name: "GiB", size: 1024 ** 3 },
];

// The unit in which the largest value of an axis is easy to read.
function unitFor(units, largest) {
  return units.filter((unit) => Math.abs(largest) >= (unit.from || unit.size)).pop() || units[0];
}

function digits(value, count) {
  if (!Number.isFinite(value)) return UNKNOWN;
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4))
    return value.toExponential(count - 1);
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  return Number(
    value.toPrecision(Math.max(count, Math.ceil(Math.log10(Math.abs(value) + 1)))),
  ).toLocaleString("en-US", {
    maximumFractionDigits: 6,
  });
}

function withUnit(units, value, count = 3) {
  if (!Number.isFinite(value)) return UNKNOWN;
  const unit = unitFor(units, value);
  return `${digits(value / unit.size, count)} ${unit.name}`;
}

const seconds = (value) => withUnit(TIME_UNITS, value);
const bytes = (value) => withUnit(BYTE_UNITS, value);
const loss = (value) => (Number.isFinite(value) ? value.toFixed(3) : UNKNOWN);
const percent = (share) => (Number.isFinite(share) ? `${digits(100 * share, 2)} %` : UNKNOWN);
const count = (value, noun) => `${value.toLocaleString("en-US")} ${noun}${value === 1 ? "" : "s"}`;

// "1.88", or "1.88 (1.86 to 1.91)" of several seeds.
function withSpread(spread, format) {
  if (spread === undefined) return UNKNOWN;
  if (spread.count < 2) return format(spread.mean);
  return `${format(spread.mean)} (${format(spread.low)} to ${format(spread.high)})`;
}

// What a pointer is told, line by line.
const tipText = (...lines) => lines.filter(Boolean).join("\n");
