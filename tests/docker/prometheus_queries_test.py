#!/usr/bin/env python3
"""The dashboards' queries against a real Prometheus that scrapes a real cluster while it trains: no panel may stay empty.
Usage: prometheus_queries_test.py EDGETP. Exit code 77: no `prometheus` (Debian: prometheus) on PATH or in $PROMETHEUS.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
EDGETP = pathlib.Path(sys.argv[1]).resolve()
PROMETHEUS = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
LIMIT_S = 120
SERVER_JOB = "edgetp_server"
WORKER_JOB = "edgetp_worker"


def wait_for(what: str, ready) -> object:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {LIMIT_S} s")


class Cluster:
    """`edgetp up`, and what runs on it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.out = folder / "up.json"
        with self.out.open("w") as out, (folder / "up.err").open("w") as err:
            self.process = subprocess.Popen([EDGETP, "up", "--workers=2", "--listen=127.0.0.1:0", "--format=json"],
                                            cwd=folder, stdout=out, stderr=err)
        self.status = wait_for("a cluster", self._status)

    def _status(self) -> dict | None:
        assert self.process.poll() is None, (self.folder / "up.err").read_text()
        try:
            return json.loads(self.out.read_text())
        except ValueError:
            return None

    def run(self, *words: str) -> None:
        done = subprocess.run([EDGETP, *words, f"--server={self.status['address']}"], cwd=self.folder, text=True,
                              capture_output=True, timeout=LIMIT_S)
        assert done.returncode == 0, f"edgetp {' '.join(words)}: {done.stderr}"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_S)


class Scraper:
    """A Prometheus with the alerts of docker/prometheus, and the cluster's addresses instead of compose's names."""

    def __init__(self, folder: pathlib.Path, status: dict) -> None:
        jobs = {SERVER_JOB: [status["metrics_address"]],
                WORKER_JOB: [worker["metrics_address"] for worker in status["workers"]]}
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ROOT / "docker/prometheus/alerts.yml")],
            "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.log = folder / "prometheus.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 "--web.listen-address=127.0.0.1:0", "--log.format=json"],
                stdout=log, stderr=log)
        self.url = "http://" + wait_for("Prometheus' address", self._address)
        wait_for("a first scrape of all three", lambda: self.value("count(up == 1)") == 3)

    def _address(self) -> str | None:
        assert self.process.poll() is None, self.log.read_text()
        for line in self.log.read_text().splitlines():
            entry = json.loads(line) if line.endswith("}") else {}
            if entry.get("msg") == "Listening on":
                return entry["address"]
        return None

    def value(self, query: str) -> float | None:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/query?query={urllib.request.quote(query)}", timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            return None  # not ready yet
        return float(result[0]["value"][1]) if result else None

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT_S)


def main() -> int:
    if not PROMETHEUS:
        print("SKIPPED: prometheus is not installed (Debian: prometheus)")
        return 77
    with tempfile.TemporaryDirectory(prefix="edgetp-prometheus-") as name:
        folder = pathlib.Path(name)
        (folder / "text.txt").write_text("to be or not to be, that is the question\n" * 200)
        cluster = Cluster(folder)
        try:
            scraper = Scraper(folder, cluster.status)
            try:
                # Each run lasts several scrapes: a rate needs two within it.
                for pattern in ("tttt", "sppp"):
                    cluster.run("train", f"--pattern={pattern}", "--workers=2", "--network=wifi-5", "--data=text.txt",
                                "--steps=20", "--set", "train.eval_interval=5", "--set", "train.eval_windows=4",
                                "--format=json")
                wait_for("the last scrape", lambda: (scraper.value("max(edgetp_runs_total{status=\"done\"})") or 0) >= 2)
                check = ROOT / "docker/grafana/check_panels.py"
                return subprocess.run([sys.executable, check, f"--prometheus={scraper.url}", "--range=5m"],
                                      timeout=LIMIT_S).returncode
            finally:
                scraper.close()
        finally:
            cluster.close()


if __name__ == "__main__":
    sys.exit(main())
